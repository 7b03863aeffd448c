"""Settings come from the environment and the command line; what cannot be used is refused by name."""

import re
import secrets
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from ecatalog.settings import SECRETS, BadSetting, Settings, describe_settings, variable

SECRET = "Zk3vQ9pLw7TnB2xHs8RdYc5MfJg1KaUe"


def test_nothing_said_is_a_catalog_for_this_machine() -> None:
    settings = Settings.read({})

    assert settings.catalog_url == "http://localhost:8080"
    assert settings.demos_url == "http://demos.localhost:8081"
    assert settings.database == Path("var/ltplabs.db")
    assert not settings.is_open
    assert not settings.is_secure
    assert settings.warnings() == []


def test_every_variable_is_read() -> None:
    said = {
        "ECATALOG_DATA": "/srv/catalog",
        "ECATALOG_PORT": "18080",
        "ECATALOG_EDGE_PORT": "18081",
        "ECATALOG_CATALOG_URL": "https://catalog.example.com/",
        "ECATALOG_SESSION_IDLE": "90.5",
        "ECATALOG_LOG_JSON": "yes",
        "SQLITE_TIMEOUT": "250",
        "LOAD_SEED_DATA": "on",
        "JWT_SECRET": SECRET,
        "ENCRYPTION_KEY": "",
    }

    settings = Settings.read(said)

    assert (settings.port, settings.sqlite_timeout_ms) == (18080, 250)
    assert settings.catalog_url == "https://catalog.example.com"
    assert settings.is_secure
    assert settings.demos_url == "http://demos.localhost:18081"
    assert settings.session_idle == timedelta(seconds=90.5)
    assert settings.log_json is True
    assert settings.load_seed_data is True
    assert settings.jwt_secret == SECRET


def test_the_command_line_wins_over_the_environment() -> None:
    settings = Settings.read({"ECATALOG_PORT": "1"}, port=2, host=None)

    assert settings.port == 2
    assert settings.host == "127.0.0.1"


def test_db_path_wins_over_the_data_directory() -> None:
    settings = Settings.read({"DB_PATH": "/data/ltplabs.db", "ECATALOG_DATA": "/elsewhere"})

    assert settings.database == Path("/data/ltplabs.db")
    assert settings.data == Path("/elsewhere")


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")

    assert Settings.read({"JWT_SECRET_FILE": str(file)}).jwt_secret == SECRET


def test_a_missing_jwt_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = Settings.load({}, data=tmp_path / "data")
    second = Settings.load({}, data=tmp_path / "data")

    file = tmp_path / "data/secrets/jwt_secret"
    assert first.jwt_secret == second.jwt_secret == file.read_text()
    assert len(first.jwt_secret) >= 43, "256 bits"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["jwt_secret"]


def test_reading_settings_writes_nothing(tmp_path: Path) -> None:
    Settings.read({}, data=tmp_path / "data")

    assert list(tmp_path.iterdir()) == []


def test_the_key_of_demo_cookies_follows_from_the_secret() -> None:
    one, same, other = (Settings(jwt_secret=secret).edge_cookie_key for secret in (SECRET, SECRET, "y" * 32))

    assert one == same != other
    assert len(one) == 32
    assert SECRET.encode() not in one


def test_secrets_are_not_shown() -> None:
    shown = repr(Settings(jwt_secret="secret-one", encryption_key="secret-two", backup_password="secret-three"))

    assert "secret-" not in shown


def test_every_setting_says_what_it_is_for() -> None:
    described = describe_settings()

    assert all(about.endswith(".") for _, _, about in described)
    assert {name for name, _, _ in described if not name.startswith("ECATALOG_")} == {
        "DB_PATH",
        "LOAD_SEED_DATA",
        "SQLITE_TIMEOUT",
        "ENCRYPTION_KEY",
        "JWT_SECRET",
        "BACKUP_PASSWORD",
    }
    assert {variable(name) for name in SECRETS} == {
        "ECATALOG_EDGE_TOKEN",
        "ECATALOG_LAUNCHER_TOKEN",
        "ECATALOG_BACKUP_TOKEN",
        "JWT_SECRET",
        "ENCRYPTION_KEY",
        "BACKUP_PASSWORD",
        "ECATALOG_BACKUP_TEST_KEY",
        "ECATALOG_SMTP_PASSWORD",
    }


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"ECATALOG_PORT": "abc"}, "ECATALOG_PORT is 'abc': write a whole number."),
        ({"ECATALOG_PORT": "-1"}, "ECATALOG_PORT is '-1': write a whole number."),
        ({"ECATALOG_PORT": "70000"}, "ECATALOG_PORT is 70000: write a port, at most 65535."),
        ({"LOAD_SEED_DATA": "perhaps"}, "LOAD_SEED_DATA is 'perhaps': write true or false."),
        ({"ECATALOG_SESSION_IDLE": "soon"}, "ECATALOG_SESSION_IDLE is 'soon': write a number of seconds."),
        ({"ECATALOG_SESSION_IDLE": "nan"}, "ECATALOG_SESSION_IDLE is 'nan': write a number of seconds."),
        ({"ECATALOG_SESSION_LIFETIME": "0"}, "ECATALOG_SESSION_LIFETIME: write more than 0 seconds."),
        ({"ECATALOG_EDGE_LEASE": "2"}, "ECATALOG_EDGE_LEASE: write 5 or more"),
        ({"ECATALOG_BACKUP_KEEP": "7"}, "write how many days, weeks and months, as 7d 4w 3m or 30d 0w 0m."),
        ({"ECATALOG_BACKUP_KEEP": "0d 4w 3m"}, "ECATALOG_BACKUP_KEEP is '0d 4w 3m': write how many days"),
        ({"ECATALOG_BACKUP_AT": "02:00+01:00"}, "write a time in UTC, as 02:00, or off."),
        ({"ECATALOG_HASH_CONCURRENCY": "0"}, "ECATALOG_HASH_CONCURRENCY is 0: write 1 or more."),
        (
            {"ECATALOG_CATALOG_URL": "catalog.example.com"},
            "write scheme and host, such as https://catalog.example.com.",
        ),
        ({"ECATALOG_CATALOG_URL": "https://a.example/path"}, "ECATALOG_CATALOG_URL is 'https://a.example/path'"),
        ({"ECATALOG_DEMOS_URL": "https://a.example:port"}, "ECATALOG_DEMOS_URL is"),
        ({"ECATALOG_DEMOS_URL": "https://me@a.example"}, "ECATALOG_DEMOS_URL is"),
        ({"ECATALOG_LOG_LEVEL": "loud"}, "ECATALOG_LOG_LEVEL is 'loud': write debug"),
        ({"JWT_SECRET": SECRET, "JWT_SECRET_FILE": "/x"}, "Both JWT_SECRET and JWT_SECRET_FILE are set: keep one."),
        ({"JWT_SECRET_FILE": "/no/such"}, "JWT_SECRET_FILE names /no/such, which cannot be read: No such file"),
        ({"JWT_SECRET_FILE": "/dev/null"}, "JWT_SECRET_FILE names /dev/null, which is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(said: dict[str, str], told: str) -> None:
    with pytest.raises(BadSetting) as refusal:
        Settings.read(said)

    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("JWT_SECRET", "tiny", "is too short: write at least 32 random characters."),
        ("ENCRYPTION_KEY", "change-me", "is too short: write at least 32 random characters."),
        ("BACKUP_PASSWORD", "change-me", "is too short: write at least 12 random characters."),
        ("ECATALOG_EDGE_TOKEN", "tiny", "is too short: write at least 32 random characters."),
        ("JWT_SECRET", "CHANGE_ME_IN_PRODUCTION_7f3a9c1e5b2d", "can be guessed: write 32 or more"),
        ("ENCRYPTION_KEY", "your-secret-key-with-at-least-32-chars", "can be guessed: write 32 or more"),
        ("BACKUP_PASSWORD", "please change it", "can be guessed: write 12 or more"),
        ("ECATALOG_BACKUP_TOKEN", "0123" * 10, "can be guessed: write 32 or more"),
    ],
)
def test_no_gateway_runs_with_a_secret_that_others_can_guess(name: str, value: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as refusal:
        Settings.load({name: value}, data=tmp_path)

    assert str(refusal.value).startswith(f"{name} {why}")
    assert value not in str(refusal.value)
    # An old backup under a weak password can still be opened.
    assert Settings.read({name: value}) is not None


def test_the_secrets_in_our_own_manifest_are_refused(tmp_path: Path) -> None:
    manifest = (Path(__file__).parents[2] / "database/k8s-secret.yaml").read_text()
    known = dict(re.findall(r"^  ([A-Z_]+): (\S+)$", manifest, re.MULTILINE))
    assert set(known) == {"ENCRYPTION_KEY", "JWT_SECRET", "BACKUP_PASSWORD"}

    for name, value in known.items():
        with pytest.raises(BadSetting, match=name):
            Settings.load({name: value}, data=tmp_path)


def test_a_random_secret_is_strong_and_so_is_a_sentence_for_backups(tmp_path: Path) -> None:
    given = {
        "JWT_SECRET": SECRET,
        "ENCRYPTION_KEY": secrets.token_urlsafe(32),
        "BACKUP_PASSWORD": "seven geese, one fox",
    }

    assert Settings.load(given, data=tmp_path).makes_backups


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BadSetting, match=r"can be neither read nor made \(.*\)\. Give .* or set JWT_SECRET\."):
        Settings.load({}, data=tmp_path / "file" / "data")


def test_an_empty_kept_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/jwt_secret").touch()

    with pytest.raises(BadSetting, match=r"is empty\. Remove it"):
        Settings.load({}, data=tmp_path)


@pytest.mark.parametrize("where", [{"host": "0.0.0.0"}, {"edge_host": "::"}, {"host": "catalog.example.com"}])
def test_sample_logins_are_not_shown_to_other_machines(where: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="say --allow-sample-logins"):
        Settings.read({"LOAD_SEED_DATA": "true"}, **where)

    assert Settings.read({"LOAD_SEED_DATA": "true"}, allow_sample_logins=True, **where).is_open
    assert Settings.read({}, **where).is_open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_sample_logins_are_fine_on_this_machine(host: str) -> None:
    assert not Settings.read({"LOAD_SEED_DATA": "true"}, host=host, edge_host=host).is_open


@pytest.mark.parametrize(
    ("catalog", "demos", "shared"),
    [
        ("https://catalog.example.com", "https://demos.example.com", "example.com"),
        ("https://catalog.example.co.uk", "https://demos.example.co.uk", "example.co.uk"),
        ("https://example.com", "https://demos.example.com:8443", "example.com"),
        ("https://catalog.example.com", "https://demos.example.net", ""),
        ("https://one.github.io", "https://two.github.io", ""),
        ("http://localhost:8080", "http://demos.localhost:8081", ""),
        ("http://192.0.2.1:8080", "http://demos.localhost:8081", ""),
    ],
)
def test_a_domain_shared_by_catalog_and_demos_is_warned_of(catalog: str, demos: str, shared: str) -> None:
    warnings = Settings.read({"ECATALOG_CATALOG_URL": catalog, "ECATALOG_DEMOS_URL": demos}).warnings()

    assert len(warnings) == bool(shared)
    assert not shared or f"share the domain {shared}:" in warnings[0]
