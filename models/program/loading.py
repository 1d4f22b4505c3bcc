"""From a registry entry to a dspy module, ready to be asked. Imports dspy.

Whatever is wrong with a user's file or a compiled program is found here, before anything is asked.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dspy

from common.errors import UserError
from common.identity import digest
from models.program import shipped
from models.program.compiled import give
from models.program.entry import CLASS, ProgramEntry
from models.program.faults import described
from models.program.imported import imported_digests

INPUTS = ("question", "passages", "search", "examples")
"""What a program may ask for, by the names of `forward`'s parameters."""


@dataclass(frozen=True, slots=True)
class Program:
    """A dspy module, and how it is called.

    Attributes:
        module: answers every case.
        takes: which of `INPUTS` it names.
        awaits: whether it has an `aforward`; else its `forward` is called in a thread.
        file: of the user; None of a shipped one.
        key: SHA-256 of source, own modules that it imports, signatures, demonstrations, options
            and dspy's version.
    """

    module: dspy.Module
    takes: frozenset[str]
    awaits: bool
    file: Path | None
    key: str


def load_program(entry: ProgramEntry, name: str) -> Program:
    """The program of an entry.

    Raises:
        UserError: it cannot be imported, is not one class, wants what nobody gives, or was
            compiled otherwise.
    """
    kind, source = _class_of(entry, name)
    where = f"model {name}: {entry.program}"
    try:
        module = kind(**entry.options)
    except Exception as error:
        raise UserError(
            f"{where}: {kind.__name__}({_words(entry.options)}) fails, "
            f"{described(error, entry.file)}; [options] of the entry are what it is given"
        ) from error
    if entry.compiled:
        give(module, entry.compiled, f"model {name}")
    if any(predictor.lm is not None for predictor in module.predictors()):
        raise UserError(
            f"{where}: a module has a language model of its own, whose calls no exam would count; "
            "remove it: all ask the entry's generator"
        )
    takes, awaits = _called(kind, where)
    if "examples" in takes and entry.examples is None:
        raise UserError(
            f"{where} takes examples; say of which train split in the entry, as in "
            '`examples = { dataset = "cuad", k = 4 }`'
        )
    return Program(module, takes, awaits, entry.file, _key(module, source, entry))


def _class_of(entry: ProgramEntry, name: str) -> tuple[type[dspy.Module], str]:
    """The class, and what stands for its source: a digest, or name and version of a shipped one."""
    if entry.file is None:
        return shipped.PROGRAMS[entry.program], f"{entry.program} {shipped.VERSION}"
    where = f"model {name}: program {entry.file}"
    try:
        source = entry.file.read_bytes()
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}; mend the entry") from error
    module = _executed(source, entry.file, where)
    found = {
        each.__name__: each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, dspy.Module)
        and each.__module__ == module.__name__
    }
    match = CLASS.fullmatch(entry.program)
    wanted = match["name"] if match else None
    if wanted is not None and wanted not in found:
        raise UserError(f"{where} has no dspy.Module {wanted}; it has {_words(found) or 'none'}")
    if wanted is None and len(found) != 1:
        more = f'name one, as in program = "{entry.file.name}:{next(iter(found), "NAME")}"'
        raise UserError(
            f"{where} has {len(found) or 'no'} dspy.Module classes ({_words(found)}); {more}"
            if found
            else f"{where} has no dspy.Module class; define one, with a forward"
        )
    key = hashlib.sha256(source).hexdigest()
    imported = imported_digests(source, entry.file)
    return found[wanted or next(iter(found))], digest(key, imported) if imported else key


def _executed(source: bytes, file: Path, where: str) -> ModuleType:
    """The module that a file makes; nothing is written beside it."""
    name = f"exam_program_{hashlib.sha256(str(file).encode() + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where annotations of its signatures are looked up
    try:
        exec(compile(source, file, "exec"), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UserError(f"{where} cannot be imported: {described(error, file)}") from error
    return module


def _called(kind: type[dspy.Module], where: str) -> tuple[frozenset[str], bool]:
    """Which inputs a class takes, and whether it is awaited."""
    awaits = hasattr(kind, "aforward")
    method = getattr(kind, "aforward" if awaits else "forward", None)
    if method is None:
        raise UserError(f"{where}: {kind.__name__} has no forward(self, question, passages)")
    _, *parameters = inspect.signature(method).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        named |= {"question", "passages"}
    needed = {p.name for p in parameters if p.name in named and p.default is p.empty}
    if unknown := sorted(needed - set(INPUTS)):
        raise UserError(
            f"{where}: {kind.__name__}.{method.__name__} wants {', '.join(unknown)}; an exam gives "
            f"{', '.join(INPUTS)}"
        )
    if "question" not in named:
        raise UserError(f"{where}: {kind.__name__}.{method.__name__} does not take the question")
    return frozenset(named & set(INPUTS)), awaits


def _key(module: dspy.Module, source: str, entry: ProgramEntry) -> str:
    state = {
        place: {key: said[key] for key in ("signature", "demos", "fields") if key in said}
        for place, said in module.dump_state().items()
    }
    written = json.dumps(state, sort_keys=True, default=str)
    return digest("module", 1, dspy.__version__, source, entry.options, written)


def _words(names: Mapping[str, Any]) -> str:
    return ", ".join(names)
