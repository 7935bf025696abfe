"""A certificate for `make run HTTPS=1`: phones open a camera only on a secure page."""

import datetime as dt
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from config.embedded.process import write_private

AUTHORITY_DAYS = 3650
# Phones refuse certificates for longer than 398 days.
SITE_DAYS = 390
RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificate:
    authority: Path
    chain: Path
    key: Path


def own_addresses() -> list[str]:
    """This machine's IPv4 addresses that others on the same network can reach."""
    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    return sorted(set(found))


def site_names() -> list[str]:
    """Every name and address under which the site may be opened."""
    host = socket.gethostname().lower()
    return list(dict.fromkeys(["localhost", host, f"{host}.local", "127.0.0.1", *own_addresses()]))


def local_certificate(folder: Path, names: list[str], *, at: dt.datetime) -> Certificate:
    """The certificate for `names`, kept in `folder`; renewed when names change or time runs out."""
    folder.mkdir(mode=0o700, exist_ok=True)
    made = Certificate(folder / "authority.crt", folder / "site.crt", folder / "site.key")
    if not (made.authority.exists() and (folder / "authority.key").exists()):
        _make_authority(folder, made.authority, at)
        made.chain.unlink(missing_ok=True)
    if not _still_good(made, names, at):
        _make_site(folder, made, names, at)
    return made


def _still_good(made: Certificate, names: list[str], at: dt.datetime) -> bool:
    if not (made.chain.exists() and made.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(made.chain.read_bytes())
    left = certificate.not_valid_after_utc - at
    shown = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {str(name.value) for name in shown}
    return left > dt.timedelta(days=RENEW_DAYS) and set(names) <= covered


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, at: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        # Clocks of phones differ from ours.
        .not_valid_before(at - dt.timedelta(days=1))
        .not_valid_after(at + dt.timedelta(days=days))
    )


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _make_authority(folder: Path, file: Path, at: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Huitou on {socket.gethostname()}")
    certificate = (
        _builder(name, name, at, AUTHORITY_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "authority.key", _pem(key))
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _make_site(folder: Path, made: Certificate, names: list[str], at: dt.datetime) -> None:
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    signer = serialization.load_pem_private_key((folder / "authority.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name("Huitou"), authority.subject, at, SITE_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
        )
        .add_extension(_usage(signs_others=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    write_private(made.key, _pem(key))
    made.chain.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + made.authority.read_bytes()
    )
    made.chain.chmod(0o644)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
