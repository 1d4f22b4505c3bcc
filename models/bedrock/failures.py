"""What an error of Bedrock means: ask again, give up this chat, or give up the model."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.aws.clients import Advice, error_code, explanation
from models.bedrock.conversation import SYSTEM
from models.remote.failures import LONGEST_WAIT, Failure, one_line, retry_after
from models.remote.parameters import Names

CONGESTED = frozenset(
    ["ModelNotReadyException", "ModelTimeoutException", "ServiceUnavailableException",
     "ThrottlingException", "TooManyRequestsException"]
)  # fmt: skip
"""Codes of a server that has too much to do."""

PASSING = frozenset(["InternalServerException", "ModelErrorException"])
"""Codes of what may come right, and is no sign of too many calls."""

NO_SYSTEM = r"system (?:prompt|message|role|instruction)"
OPTIONAL = {"topP": r"\btop_?p\b", "temperature": r"\btemperature\b"}
"""Parameters that a model may refuse, and how refusals spell them."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """What refusals of every call mean for one model.

    Attributes:
        words: patterns of AWS's messages, which say more than its codes, each with its advice.
        codes: advice by code, where no pattern is found.
    """

    words: tuple[tuple[str, str], ...]
    codes: Advice


def meanings(model: str, region: str, file: str) -> Meanings:
    """For a model in a region whose registry entry is `file`."""
    ask = f"ask for the model under Bedrock's Model access in {region}"
    gone = (
        f"no such model in {region} ({{said}}); mend model or region in {file}: `aws bedrock "
        f"list-foundation-models --region {region}` lists what is there"
    )
    return Meanings(
        words=(
            (
                "on-demand throughput",
                f"{{said}}; in {file} name an inference profile as model, such as "
                f"{profile(model, region)}: `aws bedrock list-inference-profiles --region {region}`"
                " lists them",
            ),
            ("per day", "the day's tokens are used up ({said}); type the same line tomorrow"),
            ("access to the model|use case details", f"{{said}}; {ask}"),
            (
                "model identifier is invalid|could not (find|resolve)|end of its life|"
                "not (available|supported) in",
                gone,
            ),
        ),
        codes={
            ("AccessDenied", "AccessDeniedException"): (
                f"access denied ({{said}}); {ask}, and allow your AWS user bedrock:InvokeModel"
            ),
            ("ResourceNotFoundException",): gone,
            ("EndpointConnectionError",): (
                f"Bedrock cannot be reached ({{said}}); check the network, and region {region}"
            ),
            ("NoRegionError",): (
                f'no AWS region is set; name one in {file}, as in region = "us-east-1", or type '
                "`export AWS_DEFAULT_REGION=us-east-1`"
            ),
        },
    )


def profile(model: str, region: str) -> str:
    """The id under which the regions of a part of the world share a model.

    >>> profile("anthropic.claude-haiku-4-5-20251001-v1:0", "eu-west-1")
    'eu.anthropic.claude-haiku-4-5-20251001-v1:0'
    """
    world = region.partition("-")[0]
    return f"{'apac' if world == 'ap' else world}.{model}"


def diagnose(error: Exception, known: Meanings) -> Failure:
    """Read an exception of botocore, or of our own clock."""
    from botocore import exceptions as botocore

    said = one_line(str(error))
    if isinstance(error, botocore.ClientError):
        return _refusal(error, known)
    match error:
        case TimeoutError() | botocore.ReadTimeoutError():
            failure = Failure("again", "no reply in time", congested=True)
        case botocore.ConnectionError():
            failure = Failure("again", explanation(error, known.codes), unreachable=True)
        case botocore.HTTPClientError():
            failure = Failure("again", f"connection lost: {said}")
        case botocore.ParamValidationError():
            failure = Failure("skip", said)
        case botocore.BotoCoreError():
            failure = Failure("stop", explanation(error, known.codes))
        case _:  # the parser's
            failure = Failure("again", f"malformed reply: {said}", status=200)
    return failure


def _refusal(error: Any, known: Meanings) -> Failure:
    """Read an error that Bedrock sent."""
    code, answer = error_code(error), error.response
    facts = answer.get("ResponseMetadata", {})
    status = int(facts.get("HTTPStatusCode", 0))
    reason = f"{code}: {one_line(answer.get('Error', {}).get('Message', ''))}"
    for pattern, words in known.words:
        if re.search(pattern, reason, re.IGNORECASE):
            return Failure("stop", explanation(error, {(code,): words}), status=status)
    wait = retry_after(facts.get("HTTPHeaders", {}), time.time())
    congested = code in CONGESTED or status in (408, 429, 503)
    if (congested or code in PASSING or status >= 500) and wait <= LONGEST_WAIT:
        return Failure("again", reason, congested=congested, wait=wait, status=status)
    if code == "ValidationException":
        return Failure("skip", reason, status=status)
    return Failure("stop", explanation(error, known.codes), status=status)


def other_names(failure: Failure, body: Mapping[str, Any], tried: Names) -> Names | None:
    """See `Parameters`: of several that a refusal names, `temperature` goes last."""
    if failure.then != "skip":
        return None
    for name, spelt in {SYSTEM: NO_SYSTEM, **OPTIONAL}.items():
        if name in body and name not in tried and re.search(spelt, failure.reason, re.IGNORECASE):
            return {name: None}
    return None
