"""How shipped programs lay out a prompt and read a reply. Imports dspy."""

import re
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

MARKER = re.compile(r"\[\[\s*##\s*(\w+)\s*##\s*\]\]")


class ShortAdapter(dspy.ChatAdapter):  # type: ignore[misc]
    """dspy's field markers with a shorter prompt.

    dspy's own prompt explains its layout at length and asks for Python values, which costs a small
    model more than it helps.
    """

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def format_system_message(self, signature: Any) -> str:
        """The instructions, and what the input fields are."""
        inputs = signature.input_fields.items()
        given = "\n".join(f"- {name}: {field.json_schema_extra['desc']}" for name, field in inputs)
        return f"{signature.instructions}\n\nYou are given:\n{given}"

    def user_message_output_requirements(self, signature: Any) -> str:
        """The reminder that follows the material."""
        markers = ", then ".join(f"`[[ ## {name} ## ]]`" for name in signature.output_fields)
        return f"Reply with {markers}, and end with `[[ ## completed ## ]]`."


class LenientAdapter(ShortAdapter):
    """Reads a reply without markers as the last field: small models leave them out.

    All fields are text. A field that was not written is empty, but for the last.
    """

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """The output fields.

        Raises:
            AdapterParseError: the reply began another field, and never came to the last.
        """
        *_, last = names = tuple(signature.output_fields)
        head, *rest = MARKER.split(completion)
        written: dict[str, str] = {}
        for name, text in zip(rest[::2], rest[1::2], strict=True):
            written.setdefault(name, text.strip())
        if last not in written and not written.keys() & set(names):
            written[last] = head.strip()
        if last not in written:
            raise AdapterParseError(
                adapter_name=type(self).__name__, signature=signature, lm_response=completion
            )
        return {name: written.get(name, "") for name in names}
