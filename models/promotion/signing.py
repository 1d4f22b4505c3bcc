"""Signatures by the optional package model-signing (sigstore's), with a local elliptic-curve key.

The one mechanism for whatever is signed: a line of the record, which through its hash covers every
line before, an adapter's folder, a file. A signature lies beside what it is of, and is of its
bytes, not of its name. Nothing is sent anywhere.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing, write_whole
from models.promotion.record import Record, RefusedError

FOLDER = "signatures"
INSTALL = "pip install model-signing pyopenssl"
FIRST = "nothing was promoted, mend that first"
MEND = "mend that, and type the same line again"
AGAIN = "restore both, or sign it again"
PROMOTE = "restore both, or examine and promote again with --sign"


def private_fingerprint(key: Path) -> str:
    """SHA-256 (hex) of the public half (PEM) of a private key.

    Raises:
        UserError: it is no plain private key on a NIST curve, or model-signing is missing.
    """
    with _key_errors(key, "private"):
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return _fingerprint(load_pem_private_key(key.read_bytes(), None).public_key())


def public_fingerprint(key: Path) -> str:
    """SHA-256 (hex) of a public key (PEM).

    Raises:
        UserError: it is no public key, or model-signing is missing.
    """
    with _key_errors(key, "public"):
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        return _fingerprint(load_pem_public_key(key.read_bytes()))


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


def sign_promotion(folder: Path, record: Record, adapter: Path | None, key: Path) -> list[Path]:
    """Sign the record's line, and the adapter it promotes; returns the signature files.

    Raises:
        UserError: model-signing is missing, or key or folder do not serve it.
    """
    line = _line_file(folder, record.number)
    write_whole(line, record.line, mend=FIRST)
    signed = [sign_file(line, key, FIRST)]
    return [*signed, sign_file(adapter, key, FIRST)] if adapter else signed


def forget(folder: Path, number: int) -> None:
    """Remove what a crash may have left of a promotion that was signed but never recorded."""
    line = _line_file(folder, number)
    line.unlink(missing_ok=True)
    signature_file(line).unlink(missing_ok=True)


def check_unsigned(folder: Path, records: Sequence[Record]) -> None:
    """Refuse a record that lacks a line which was signed.

    Raises:
        RefusedError: there is the signed line, or its signature, of another record.
    """
    known = {_line_file(folder, record.number).name: record for record in records}
    for path in sorted((folder / FOLDER).glob("[0-9]*.json*")):
        record = known.get(path.name.removesuffix(".sig"))
        if record is None or record.signed_by is None:
            raise RefusedError(
                f"{path} is of a promotion that the record does not have as a signed line: lines "
                "were removed or rewritten, or a promotion was stopped before it was recorded; "
                "restore the record from the repository's history, or remove that file"
            )


def verify_promotions(folder: Path, signed: Sequence[Record], key: Path) -> None:
    """Check the signatures of records that say that they are signed, with a public key.

    Raises:
        UserError: model-signing is missing, or the key cannot be used.
        RefusedError: a signature is missing, of another key, or not of what lies there.
    """
    owner = public_fingerprint(key)
    for record in signed:
        line = _line_file(folder, record.number)
        if record.signed_by != owner:
            raise RefusedError(f"promotion {record.number} was signed with another key than {key}")
        if not line.is_file() or line.read_bytes() != record.line:
            raise RefusedError(f"{line} is not line {record.number} of the record; restore it")
        verify_file(line, key, PROMOTE)


def verify_adapter(adapter: Path | None, key: Path) -> None:
    """Check the signature of the champion's adapter folder, where it has one.

    Raises:
        UserError: model-signing is missing, or the key cannot be used.
        RefusedError: the signature is missing or of something else.
    """
    if adapter:
        verify_file(adapter, key, PROMOTE)


def _line_file(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:04d}.json"


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


def _fingerprint(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
