"""Lines of the record as they are signed: each a file in `signatures/`, its signature beside it.

Through its hash a signed line covers every line before. The public half of whoever signed an
approval lies in `signatures/keys/`, by its own digest, so that whoever reads the policy, which
names the digest, needs nothing else to verify it.
"""

from collections.abc import Sequence
from pathlib import Path

from common.files import write_whole
from common.identity import file_digest
from models.promotion.record.line import Line, written
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import (
    private_fingerprint,
    public_fingerprint,
    public_half,
    sign_file,
    signature_file,
    verify_file,
)

FOLDER = "signatures"
KEYS = "keys"
FIRST = "nothing was recorded, mend that first"
AGAIN = "restore both, or examine and promote again with --sign"


def sign_line(folder: Path, line: Line, adapter: Path | None, key: Path) -> list[Path]:
    """Sign a line, and the adapter it promotes; returns the signature files.

    Raises:
        UserError: model-signing is missing, or key or folder do not serve it.
    """
    path = _line_file(folder, line.number)
    if isinstance(line, Statement):
        public = _key_file(folder, private_fingerprint(key))
        write_whole(public, public_half(key), mend=FIRST)
    write_whole(path, written(line), mend=FIRST)
    signed = [sign_file(path, key, FIRST)]
    return [*signed, sign_file(adapter, key, FIRST)] if adapter else signed


def forget(folder: Path, number: int) -> None:
    """Remove what a crash may have left of a line that was signed but never recorded."""
    line = _line_file(folder, number)
    line.unlink(missing_ok=True)
    signature_file(line).unlink(missing_ok=True)


def check_unsigned(folder: Path, lines: Sequence[Line]) -> None:
    """Refuse a record that lacks a line which was signed.

    Raises:
        RefusedError: there is the signed line, or its signature, of another record.
    """
    known = {_line_file(folder, line.number).name: line for line in lines}
    for path in sorted((folder / FOLDER).glob("[0-9]*.json*")):
        line = known.get(path.name.removesuffix(".sig"))
        if line is None or line.signed_by is None:
            raise RefusedError(
                f"{path} is of a promotion that the record does not have as a signed line: lines "
                "were removed or rewritten, or a promotion was stopped before it was recorded; "
                "restore the record from the repository's history, or remove that file"
            )


def verify_lines(folder: Path, signed: Sequence[Line], keys: Sequence[Path]) -> Path:
    """Check the signatures of lines that say that they are signed; the key of the last of them.

    Args:
        folder: of the record.
        signed: the lines; one at least.
        keys: public keys, one of which signed each.

    Raises:
        UserError: model-signing is missing, or a key cannot be used.
        RefusedError: a signature is missing, of another key, or not of what lies there.
    """
    owners = {public_fingerprint(key): key for key in keys}
    for line in signed:
        owner = owners.get(line.signed_by or "")
        if owner is None:
            listed = " and ".join(map(str, keys))
            raise RefusedError(f"promotion {line.number} was signed with another key than {listed}")
        _verify(folder, line, owner)
    return owners[signed[-1].signed_by or ""]


def verify_statement(folder: Path, said: Statement) -> None:
    """Check the signature of what somebody said, with the key that lies in the folder.

    Raises:
        UserError: model-signing is missing.
        RefusedError: key or signature are missing, or not what the line says.
    """
    public = _key_file(folder, said.signed_by or "")
    if not public.is_file() or file_digest(public) != said.signed_by:
        raise RefusedError(
            f"{public}, by which line {said.number} ({said.kind} by {said.by}) is verified, is "
            "missing or changed; restore it from the repository's history"
        )
    _verify(folder, said, public)


def verify_said(folder: Path, lines: Sequence[Line], identity: str) -> None:
    """Check the signatures of whatever people said of a model, rejections and withdrawals too.

    Whoever can write the file can append a line that takes back what another said.

    Args:
        folder: of the record.
        lines: of it.
        identity: of the model.

    Raises:
        UserError: as `verify_statement`.
        RefusedError: as `verify_statement`.
    """
    for line in lines:
        if isinstance(line, Statement) and line.identity == identity and line.signed_by:
            verify_statement(folder, line)


def verify_adapter(adapter: Path | None, key: Path) -> None:
    """Check the signature of the champion's adapter folder, where it has one.

    Raises:
        UserError: model-signing is missing, or the key cannot be used.
        RefusedError: the signature is missing or of something else.
    """
    if adapter:
        verify_file(adapter, key, AGAIN)


def _verify(folder: Path, line: Line, key: Path) -> None:
    path = _line_file(folder, line.number)
    if not path.is_file() or path.read_bytes() != written(line):
        raise RefusedError(f"{path} is not line {line.number} of the record; restore it")
    verify_file(path, key, AGAIN)


def _line_file(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:04d}.json"


def _key_file(folder: Path, fingerprint: str) -> Path:
    return folder / FOLDER / KEYS / f"{fingerprint}.pub"
