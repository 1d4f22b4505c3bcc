"""AWS for the training room: clients, S3 addresses, and its errors as one line with advice."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common.errors import UserError

ADVICE: Mapping[tuple[str, ...], str] = {
    ("403", "AccessDenied", "AccessDeniedException", "Forbidden"): (
        "access denied ({said}); give your AWS user, and the role of --role, the rights that "
        "docs/training.md lists"
    ),
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    ): "AWS does not accept the credentials ({said}); renew them, e.g. `aws sso login`",
    ("NoSuchBucket",): (
        "there is no such bucket ({said}); type `aws s3 mb s3://BUCKET`, or name another by "
        "--bucket"
    ),
    ("301", "AuthorizationHeaderMalformed", "PermanentRedirect"): (
        "the bucket lies in another region ({said}); name that by --region"
    ),
    ("404", "NoSuchKey"): "it is not there ({said}); was it deleted? Change the recipe's name",
    ("ResourceLimitExceeded",): (
        "a quota is used up ({said}); raise it in Service Quotas, or change --instance"
    ),
    ("ValidationException", "ValidationError"): (
        "AWS refuses the request ({said}); check --role, --instance and --image"
    ),
}
"""Error codes -> what they mean and what to do."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A place in S3: a bucket, and a key prefix without slashes at its ends (may be empty)."""

    bucket: str
    path: str

    def key(self, *parts: str) -> str:
        """The key of something below this place.

        >>> Prefix("b", "team").key("code", "x.tar.gz")
        'team/code/x.tar.gz'
        """
        return "/".join(part for part in (self.path, *parts) if part)

    def uri(self, *parts: str) -> str:
        """The same as `s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key(*parts)}"


def read_prefix(text: str) -> Prefix:
    """`s3://bucket/some/path`, with or without `s3://`.

    Raises:
        UserError: it is no S3 address.
    """
    bucket, _, path = text.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise UserError(f"--bucket {text}: not a place in S3; give s3://BUCKET/PATH")
    return Prefix(bucket, path.strip("/"))


def open_client(service: str, region: str | None) -> Any:
    """A boto3 client; call it inside `explained`."""
    import boto3

    return boto3.Session(region_name=region).client(service)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what AWS or the way to it refuses into a UserError that begins with `what`.

    Raises:
        UserError: credentials, rights, bucket, quota, region, network, or a request AWS rejects.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise UserError(f"{what}: {_refusal(error)}") from error
    except BotoCoreError as error:
        raise UserError(f"{what}: {_unreached(error)}") from error


def _refusal(error: Any) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split()) or code
    advice = next((line for codes, line in ADVICE.items() if code in codes), "{said}; try again")
    return advice.format(said=f"{code}, {error.operation_name}: {said}")


def _unreached(error: Any) -> str:
    from botocore import exceptions as known

    said = " ".join(str(error).split())
    if isinstance(error, (known.NoCredentialsError, known.PartialCredentialsError)):
        return "there are no AWS credentials; type `aws configure` or set AWS_PROFILE"
    if isinstance(error, known.NoRegionError):
        return "no AWS region is set; give --region, e.g. --region us-east-1"
    if isinstance(error, known.ProfileNotFound):
        return f"{said}; type `aws configure list-profiles`, and set AWS_PROFILE to one of them"
    if isinstance(error, (known.HTTPClientError, known.ConnectionError)):
        return f"AWS cannot be reached ({said}); check the network and --region"
    if isinstance(error, known.ParamValidationError):
        return f"the request is malformed ({said}); check --role, --instance and --image"
    return f"{said}; type `aws sts get-caller-identity` to check how you are signed in"
