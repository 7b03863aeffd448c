"""Who and what is in the sample data. How it gets into a database is in samples.py."""

import msgspec

from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import Role


class SampleClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client; its days are counted from today, its demos are named by their slugs."""

    email: str
    name: str
    company: str
    first_day: int
    last_day: int
    timezone: str
    owner: Role
    demos: tuple[str, ...]
    visits_a_day: float = 0.0
    revoked_day: int | None = None
    notes: str = ""


USERS = (
    (Role.ADMIN, "admin@ecatalog.example", "Ada Winter"),
    (Role.SALES, "sales@ecatalog.example", "Sam Rivers"),
    (Role.VIEWER, "viewer@ecatalog.example", "Vera Stone"),
)

CLIENTS = (
    SampleClient(
        email="client@acme.example",
        name="Alex Moreau",
        company="Acme Robotics",
        first_day=-60,
        last_day=45,
        timezone="Europe/Berlin",
        owner=Role.SALES,
        demos=("customer-portal", "live-operations", "support-desk", "branch-service"),
        visits_a_day=2.2,
        notes="Champion. Wants a decision before the end of the quarter.",
    ),
    SampleClient(
        email="client@nova.example",
        name="Nora Lindt",
        company="Nova Insurance",
        first_day=7,
        last_day=37,
        timezone="Europe/Zurich",
        owner=Role.SALES,
        demos=("customer-portal", "support-desk"),
        notes="The first meeting is on the day access begins.",
    ),
    SampleClient(
        email="client@bolt.example",
        name="Ben Okafor",
        company="Bolt Logistics",
        first_day=-40,
        last_day=2,
        timezone="Europe/London",
        owner=Role.SALES,
        demos=("live-operations", "customer-portal"),
        visits_a_day=1.3,
    ),
    SampleClient(
        email="client@delta.example",
        name="Dana Kim",
        company="Delta Health",
        first_day=-58,
        last_day=-9,
        timezone="America/New_York",
        owner=Role.ADMIN,
        demos=("support-desk", "customer-portal"),
        visits_a_day=0.9,
    ),
    SampleClient(
        email="client@echo.example",
        name="Emil Sato",
        company="Echo Retail",
        first_day=-50,
        last_day=30,
        timezone="Asia/Tokyo",
        owner=Role.SALES,
        demos=("customer-portal", "branch-service"),
        visits_a_day=0.7,
        revoked_day=-12,
    ),
    SampleClient(
        email="client@fern.example",
        name="Faye Costa",
        company="Fern Energy",
        first_day=-14,
        last_day=30,
        timezone="America/Sao_Paulo",
        owner=Role.ADMIN,
        demos=("live-operations", "support-desk", "branch-service"),
        notes="Invited, but has never logged in.",
    ),
)

IMAGES = ("customers", "operations", "support")

DEMOS = (
    (
        "customers",
        NewDemo(
            name="Customer portal",
            slug="customer-portal",
            description="Orders, invoices and messages of a retailer's customers, found at once.",
            status="active",
            vertical="Retail",
            horizontal="Customer experience",
            keywords=["orders", "self-service", "search"],
            project_code="LTP-101",
            contact_name="Sam Rivers",
            contact_email="sales@ecatalog.example",
        ),
    ),
    (
        "operations",
        NewDemo(
            name="Live operations",
            slug="live-operations",
            description="A control room that follows vehicles and machines live, as they move.",
            status="active",
            vertical="Logistics",
            horizontal="Operations",
            keywords=["live", "monitoring", "websocket"],
            project_code="LTP-102",
            contact_name="Sam Rivers",
            contact_email="sales@ecatalog.example",
        ),
    ),
    (
        "support",
        NewDemo(
            name="Support desk",
            slug="support-desk",
            description="Tickets, answers and service levels of a support team, call by call.",
            status="active",
            vertical="Insurance",
            horizontal="Customer service",
            keywords=["tickets", "service level"],
            project_code="LTP-103",
            contact_name="Ada Winter",
            contact_email="admin@ecatalog.example",
        ),
    ),
    (
        "customers",
        NewDemo(
            name="Branch service",
            slug="branch-service",
            description="The same customer view for the people behind the counter of a bank's branch.",
            status="active",
            vertical="Banking",
            horizontal="Customer experience",
            keywords=["branch", "advice"],
            project_code="LTP-104",
            contact_name="Ada Winter",
            contact_email="admin@ecatalog.example",
        ),
    ),
    (
        "operations",
        NewDemo(
            name="Plant monitor",
            slug="plant-monitor",
            description="Energy plants on one screen, with alarms that explain themselves.",
            status="maintenance",
            status_reason="New sensors are being added. Back next week.",
            vertical="Energy",
            horizontal="Operations",
            keywords=["alarms", "monitoring"],
            project_code="LTP-105",
        ),
    ),
    (
        "support",
        NewDemo(
            name="Claims assistant",
            slug="claims-assistant",
            description="Claims from the first notice to the payment. Still being written.",
            status="draft",
            vertical="Insurance",
            horizontal="Automation",
            keywords=["claims"],
            project_code="LTP-106",
        ),
    ),
)
