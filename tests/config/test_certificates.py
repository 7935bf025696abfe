import datetime as dt
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from config.certificates import Certificate, local_certificate

AT = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
NAMES = ["localhost", "till.local", "127.0.0.1"]


def trusted(made: Certificate, name: str, at: dt.datetime) -> bool:
    """As a browser that trusts our authority sees it."""
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    site, *others = x509.load_pem_x509_certificates(made.chain.read_bytes())
    verifier = (
        PolicyBuilder().store(Store([authority])).time(at).build_server_verifier(x509.DNSName(name))
    )
    return bool(verifier.verify(site, others))


def test_a_device_that_trusts_the_authority_trusts_the_site(tmp_path: Path) -> None:
    made = local_certificate(tmp_path / "https", NAMES, at=AT)
    assert trusted(made, "till.local", AT)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "https" / "authority.key").stat().st_mode) == 0o600
    site = x509.load_pem_x509_certificate(made.chain.read_bytes())
    assert isinstance(site.public_key(), ec.EllipticCurvePublicKey)
    assert (site.not_valid_after_utc - site.not_valid_before_utc).days <= 398


def test_it_is_kept_until_names_or_time_ask_for_a_new_one(tmp_path: Path) -> None:
    made = local_certificate(tmp_path / "https", NAMES, at=AT)
    authority, chain = made.authority.read_bytes(), made.chain.read_bytes()
    local_certificate(tmp_path / "https", NAMES[:2], at=AT + dt.timedelta(days=300))
    assert made.chain.read_bytes() == chain
    local_certificate(tmp_path / "https", [*NAMES, "192.168.1.20"], at=AT)
    wider = made.chain.read_bytes()
    assert wider != chain
    later = AT + dt.timedelta(days=370)
    local_certificate(tmp_path / "https", NAMES, at=later)
    assert made.chain.read_bytes() != wider
    assert made.authority.read_bytes() == authority
    assert trusted(made, "localhost", later)
