"""Text from outside, inert in Markdown: no markup, no link, nobody's name called."""

import re

CLIP = 120
"""Characters of contract text that a cell shows."""

_SPECIAL = re.compile(r"[&<>|\\`*_\[\]~$]")

_BREAK = "&#8203;"
"""A space of no width. Renderers look for names and links in the text that they have made, so that
an entity for `@` is an `@` to them."""

_CALLS = re.compile(
    r"""(?<!\w)@(?=\w)|@(?=[\w-]+\.) # names; addresses
    |\#(?=\w)                          # issues
    |[!%$&^~](?=[\w"])                 # GitLab: merge requests, milestones, snippets, epics, labels
    |:(?=//|[\w+-]{1,40}:)             # links, emoji
    |\bwww(?=\.)|\bGH-(?=\d)
    |[0-9a-f]{6}(?=[0-9a-f])            # commits""",
    re.IGNORECASE | re.VERBOSE,
)


def escape(text: str, most: int = CLIP) -> str:
    r"""`text` on one line, clipped to `most` characters, inert in Markdown, tables and HTML.

    Nor does it call anybody or link anywhere: a space of no width stands where it would.

    >>> escape("a|b\n<b>")
    'a&#124;b &#60;b&#62;'
    >>> escape("@octocat, #1")
    '@&#8203;octocat, #&#8203;1'
    """
    line = " ".join(text[: most * 4].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    if len(line) > most:
        line = line[: most - 1] + "…"
    ends = [match.end() for match in _CALLS.finditer(line)]
    parts = [line[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)]
    return _BREAK.join(_SPECIAL.sub(lambda found: f"&#{ord(found[0])};", part) for part in parts)
