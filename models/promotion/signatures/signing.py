"""Signatures by the optional package model-signing (sigstore's), with a local elliptic-curve key.

The one mechanism for whatever is signed: a line of the record, which through its hash covers every
line before, an adapter's folder, a file. A signature lies beside what it is of, and is of its
bytes, not of its name. Nothing is sent anywhere.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing
from common.reading import ending
from models.promotion.refused import RefusedError

INSTALL = "pip install model-signing pyopenssl"
MEND = "mend that, and type the same line again"
AGAIN = "restore both, or sign it again"
HASHES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
"""Of each curve, as sigstore and securesystemslib pair them."""


def private_fingerprint(key: Path) -> str:
    """SHA-256 (hex) of the public half (PEM) of a private key.

    Raises:
        UserError: it is no plain private key on a NIST curve, or model-signing is missing.
    """
    return hashlib.sha256(public_half(key)).hexdigest()


def public_fingerprint(key: Path) -> str:
    """SHA-256 (hex) of a public key (PEM).

    Raises:
        UserError: it is no public key, or model-signing is missing.
    """
    with _key_errors(key, "public"):
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        public = load_pem_public_key(ending(key).read_bytes())
        check_curve(public)
        return hashlib.sha256(_pem(public)).hexdigest()


def sign_file(thing: Path, key: Path, mend: str = MEND) -> Path:
    """Sign a file, or a folder with all that is in it; returns the signature, which lies beside it.

    Args:
        thing: what is signed.
        key: private, as `private_fingerprint` takes it.
        mend: what an error says is to be done.

    Raises:
        UserError: model-signing is missing, key or thing do not serve it, or the disk is full.
    """
    signature = signature_file(thing)
    with _key_errors(key, "private"):
        from model_signing import signing

        signer = signing.Config().use_elliptic_key_signer(private_key=key)
    with replacing(signature, mend=mend) as draft:
        try:
            signer.sign(thing, draft)
        except (OSError, ValueError) as error:
            raise UserError(f"{thing} cannot be signed: {_line(error)}; {mend}") from error
    return signature


def verify_file(thing: Path, key: Path, again: str = AGAIN) -> None:
    """Check what `sign_file` wrote, without a network.

    Args:
        thing: the file or folder.
        key: public (PEM).
        again: what a refusal says is to be done.

    Raises:
        UserError: model-signing is missing, or the key cannot be used.
        RefusedError: the signature is missing, is by another key, or not of what lies there.
    """
    with _key_errors(key, "public"):
        from model_signing import verifying

        verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
    try:
        verifier.verify(thing, signature_file(thing))
    except Exception as error:  # the package raises what its parsers and cryptography raise
        raise RefusedError(
            f"{signature_file(thing)} does not vouch for {thing.name}: {_line(error)}; {again}"
        ) from error


def signature_file(thing: Path) -> Path:
    """Where the signature of a file or folder lies: beside it."""
    return thing.with_name(f"{thing.name}.sig")


def signer_of(thing: Path) -> str | None:
    """SHA-256 of the public key that a signature claims; None where there is none to be read."""
    try:
        bundle = json.loads(signature_file(thing).read_bytes())
        claimed = bundle["verificationMaterial"]["publicKey"]["hint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return claimed if isinstance(claimed, str) else None


def check_curve(key: Any) -> str:
    """The hash that goes with the curve of a key; a key that could not sign vouches for nobody.

    Raises:
        ValueError: it is of another kind, or on another curve.
    """
    name = getattr(getattr(key, "curve", None), "name", "none")
    if name not in HASHES:
        raise ValueError(f"its curve is {name}, and not one of {', '.join(HASHES)}")
    return HASHES[name]


def public_half(key: Path) -> bytes:
    """The public half (PEM) of a private key.

    Raises:
        UserError: as `private_fingerprint`.
    """
    with _key_errors(key, "private"):
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        public = load_pem_private_key(ending(key).read_bytes(), None).public_key()
        check_curve(public)
        return _pem(public)


@contextlib.contextmanager
def _key_errors(key: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"signing needs a package ({error.name}); type `{INSTALL}`") from error
    except OSError as error:
        raise UserError(f"key {key} cannot be read: {error.strerror}; name a PEM file") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"key {key} is no unencrypted {kind} key (PEM, NIST curve): {_line(error)}; make one "
            "with `openssl ecparam -name prime256v1 -genkey -noout -out key.pem` and its public "
            "half with `openssl ec -in key.pem -pubout -out key.pub`"
        ) from error


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
