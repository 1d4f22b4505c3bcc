"""DSSE envelopes: a text, and who vouches for it, by the key that promotions are signed with.

Dead Simple Signing Envelope 1.0 (github.com/secure-systems-lab/dsse, protocol.md): any tool that
reads such envelopes checks ours. The signatures of model-signing hold one too, of a folder.
"""

import base64
import json
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.reading import parse_json
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import (
    check_curve,
    private_fingerprint,
    public_fingerprint,
)

IN_TOTO = "application/vnd.in-toto+json"


def envelope(payload: bytes, kind: str, key: Path) -> bytes:
    """A payload of a media type, signed; the same key makes the same bytes of it (RFC 6979).

    Raises:
        UserError: it is no plain private key on a NIST curve, or a package is missing.
    """
    signer = private_fingerprint(key)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private: Any = load_pem_private_key(key.read_bytes(), None)
    signature = private.sign(pre_authentication(payload, kind), _algorithm(private, signs=True))
    value = {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def signer_of(where: str, data: bytes, payload: bytes, kind: str) -> str:
    """Who an envelope of a payload says signed it: SHA-256 of a public key (PEM), unproved.

    Args:
        where: it lies, for errors.
        data: the envelope.
        payload: what it must hold.
        kind: the payload's media type.

    Raises:
        RefusedError: it is no envelope with one signature, or holds something else.
    """
    return _parts(where, data, payload, kind)[0]


def check_envelope(where: str, data: bytes, payload: bytes, kind: str, key: Path) -> None:
    """Check that a key vouches for a payload; arguments as of `signer_of`, `key` public (PEM).

    Raises:
        UserError: the key cannot be used, or a package is missing.
        RefusedError: it holds something else, or is signed by another key or not at all.
    """
    owner = public_fingerprint(key)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public: Any = load_pem_public_key(key.read_bytes())
    algorithm = _algorithm(public)
    signer, signature = _parts(where, data, payload, kind)
    if signer != owner:
        raise RefusedError(f"{where} is by another key ({signer[:12]}) than {key} ({owner[:12]})")
    try:
        public.verify(signature, pre_authentication(payload, kind), algorithm)
    except InvalidSignature:
        raise RefusedError(f"{where} holds no signature by {key}") from None


def pre_authentication(payload: bytes, kind: str) -> bytes:
    """What is signed: the protocol's PAE, so that no payload can be taken for another's.

    >>> pre_authentication(b"hello world", "http://example.com/HelloWorld")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    named = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def _parts(where: str, data: bytes, payload: bytes, kind: str) -> tuple[str, bytes]:
    """Signer and signature of an envelope, which holds this payload."""
    try:
        value = parse_json(where, data.decode())
        (signed,) = value["signatures"]
        held, signature = (
            base64.b64decode(text, validate=True) for text in (value["payload"], signed["sig"])
        )
        said, signer = str(value["payloadType"]), str(signed["keyid"])
    except (UserError, ValueError, LookupError, TypeError) as error:
        raise RefusedError(f"{where} is no envelope with one signature") from error
    if (said, held) != (kind, payload):
        raise RefusedError(f"{where} holds something else than the file beside it")
    return signer, signature


def _algorithm(key: Any, *, signs: bool = False) -> Any:
    """ECDSA with the hash of the key's curve; deterministic where it signs."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.ECDSA(getattr(hashes, check_curve(key))(), deterministic_signing=signs)
