"""Whereto webhooks may connect: a law over all forms of an address, against lists that were written by hand."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.errors import Invalid
from ecatalog.notices.guarding import Guard
from ecatalog.notices.webhook_model import Names, body_of, refuse_bad_url, sentence, sign

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(text: str) -> list[Network]:
    return [ipaddress.ip_network(each) for each in text.split()]


# What the registries of IANA call special, RFC 6890 and its successors; and multicast.
NOT_PUBLIC_4 = networks("""
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/29 192.0.0.170/31 192.0.0.192/32
  192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
""")
NOT_PUBLIC_6 = networks("""
  ::1/128 ::/128 64:ff9b:1::/48 100::/64 2001::/32 2001:2::/48 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7
  fd00:ec2::254/128 fe80::/10 fec0::/10 ff00::/8
""")
PUBLIC_4 = networks("1.0.0.0/8 8.8.8.0/24 93.184.216.0/24 172.32.0.0/12 192.1.0.0/16 203.0.114.0/24 223.255.255.0/24")
PUBLIC_6 = networks("2606:4700::/32 2a00:1450::/32 2400:cb00::/32")


def within(networks: list[Network]) -> st.SearchStrategy[str]:
    """Some address of one of these networks, their first and last ones often."""
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(0, network.num_addresses - 1).map(lambda nth: str(network[nth]))
    )


def written(address: str) -> list[str]:
    """An address of IPv4 in every form that leads there, some of which only behind a gateway."""
    number = int(ipaddress.IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    return [
        address,
        f"::ffff:{address}",
        f"::ffff:{high:x}:{low:x}",
        f"0:0:0:0:0:FFFF:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b::{high:x}:{low:x}",
    ]


@given(within(NOT_PUBLIC_4))
def test_no_form_of_an_address_that_is_not_public_is_let_through(address: str) -> None:
    number = int(ipaddress.IPv4Address(address))
    compatible = f"::{number >> 16:x}:{number & 0xFFFF:x}"
    for text in [*written(address), compatible, f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"]:
        assert not Guard(()).allows(text), text


@given(within(NOT_PUBLIC_6))
def test_no_address_of_ipv6_that_is_not_public_is_let_through(address: str) -> None:
    for text in (address, f"{address}%eth0", address.upper()):
        assert not Guard(()).allows(text), text


@given(within(PUBLIC_4))
def test_every_form_of_a_public_address_is_let_through_with_tls_only(address: str) -> None:
    for text in written(address):
        assert Guard(()).allows(text), text
        assert not Guard((), for_plain=True).allows(text), text


@given(within(PUBLIC_6))
def test_a_public_address_of_ipv6_is_let_through(address: str) -> None:
    assert Guard(()).allows(address)


@given(within(NOT_PUBLIC_4), within(NOT_PUBLIC_4))
def test_a_listed_network_is_let_through_in_every_form_and_nothing_else_by_it(listed: str, other: str) -> None:
    for guard in (Guard((ipaddress.ip_network(listed),)), Guard((ipaddress.ip_network(listed),), for_plain=True)):
        for text in written(listed):
            assert guard.allows(text), text
        for text in written(other):
            assert guard.allows(text) is (other == listed), text


@given(st.text(max_size=30))
def test_what_is_no_address_is_never_let_through(text: str) -> None:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        assert not Guard((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))).allows(text)


# addresses that are typed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/a?b=c", "https://hooks.example.com:8443", "https://[2606::1]/"]
)
def test_an_address_with_tls_may_be_given(url: str) -> None:
    refuse_bad_url(url, may_be_plain=False)


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example.com", "ftp://a.example", "http://a.example", "https://", "https:///path", "https://[::1"),
        *("https://u@a.example", "https://u:p@a.example", "https://a.example/#b", "https://a.example:0/"),
        *(
            "https://a.example:99999/",
            "https://a.example/ b",
            "https://a.example\\@b.example/",
            "https://\u0430.example",
        ),
        *("https://a.example/\n", "HTTPS://", "javascript:alert(1)"),
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_bad_url(url, may_be_plain=False)
    assert refused.value.fields.keys() == {"url"}


def test_without_tls_only_where_private_networks_are_listed() -> None:
    refuse_bad_url("http://10.0.0.7/", may_be_plain=True)


# what is said -------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that the libraries of standardwebhooks.com test themselves with."""
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = sign([secret], message, 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_sentence_names_who_and_what() -> None:
    assert (
        sentence("client.revoked", Names(client="Nora (Acme)", person="Sam")) == "Client revoked: Nora (Acme), by Sam."
    )
    assert sentence("warm_plan.added", Names(demo="Portal")) == "Warm plan added: Portal."
    assert sentence("samples.loaded", Names()) == "Samples loaded."


def test_names_cannot_write_markup_in_slack() -> None:
    payload = {"text": "Client created: <!channel> & <http://x|y>."}
    assert b"&lt;!channel&gt; &amp; &lt;http" in body_of("slack", payload)
