"""AWS: clients, addresses in S3, and its errors as one line with advice.

Region, profile, credentials and endpoint are found as boto3 finds them (`aws configure`,
AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL, ...), unless who opens a client says otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.loopback import is_loopback
from common.redaction import redacted
from common.storable import presentable

if TYPE_CHECKING:
    from botocore.config import Config

SHOWN = 500
"""Characters of AWS's own words that a line has: of a wrong signature it says thousands."""

Advice = Mapping[tuple[str, ...], str]
"""Codes of AWS's errors, or classes of botocore's -> what they mean, and what to type next.

`{said}` stands for AWS's own words, with the code and the operation.
"""

NONE: Advice = {}
ADVICE: Advice = {
    (
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "Forbidden",
        "NotAuthorized",
    ): "access denied ({said}); give your AWS user or role this right",
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    ): "AWS does not accept the credentials ({said}); renew them, e.g. `aws sso login`",
    (
        "CredentialRetrievalError",
        "SSOError",
        "TokenRetrievalError",
        "LoginError",
    ): "the credentials cannot be had ({said}); renew them, e.g. `aws sso login`",
    (
        "NoCredentialsError",
        "NoAuthTokenError",
        "PartialCredentialsError",
    ): "there are no AWS credentials; type `aws configure` or set AWS_PROFILE",
    ("NoSuchBucket",): (
        "there is no such bucket ({said}); type `aws s3 mb s3://BUCKET`, or name another"
    ),
    (
        "301",
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
    ): "the bucket lies in another region ({said}); name that one",
    ("404", "NoSuchKey"): "it is not there ({said}); was it deleted?",
    (
        "ResourceLimitExceeded",
        "ServiceQuotaExceededException",
    ): "a quota is used up ({said}); raise it in Service Quotas",
    (
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ): "AWS is asked too often ({said}); type the same line again in a minute",
    (
        "ValidationException",
        "ValidationError",
    ): "AWS refuses the request ({said}); mend what it names",
    ("ParamValidationError",): "the request is malformed ({said}); mend what it names",
    ("NoRegionError",): (
        "no AWS region is set; name one, e.g. `export AWS_DEFAULT_REGION=us-east-1`"
    ),
    ("InvalidRegionError",): "{said}; name a region such as us-east-1",
    ("ProfileNotFound",): (
        "{said}; type `aws configure list-profiles`, and set AWS_PROFILE to one of them"
    ),
    (
        "HTTPClientError",
        "ConnectionError",
    ): "AWS cannot be reached ({said}); check the network and the region",
    ("BotoCoreError",): (
        "{said}; type `aws sts get-caller-identity` to check how you are signed in"
    ),
}
"""What holds whatever is asked of AWS; who asks may know better, and says so to `explained`."""


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
        raise UserError(f"{text!r} is no place in S3; give s3://BUCKET/PATH")
    return Prefix(bucket, path.strip("/"))


def open_client(
    service: str,
    region: str | None = None,
    *,
    profile: str | None = None,
    endpoint_url: str | None = None,
    config: "Config | None" = None,
) -> Any:
    """A boto3 client; call it inside `explained`. None leaves it to the usual configuration.

    boto3 would ask a server on this machine through the proxy of the environment, and what is sent
    there would leave by that.
    """
    import boto3
    from botocore.config import Config

    session = boto3.Session(region_name=region, profile_name=profile)
    client = session.client(service, endpoint_url=endpoint_url, config=config)
    if not is_loopback(client.meta.endpoint_url):
        return client
    direct = Config(proxies={})
    config = config.merge(direct) if config else direct
    return session.client(service, endpoint_url=endpoint_url, config=config)


@contextmanager
def explained(what: str, better: Advice = NONE) -> Iterator[None]:
    """Turn what AWS or the way to it refuses into a UserError that begins with `what`.

    Args:
        what: did not come about, as in "s3://b/k cannot be fetched".
        better: advice that takes the place of ADVICE for some errors.

    Raises:
        UserError: credentials, rights, bucket, quota, region, network, or a request AWS rejects.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"{what}: {explanation(error, better)}") from error


def explanation(error: Exception, better: Advice = NONE) -> str:
    """What an error of botocore means, and what to do, in one line."""
    names, said = [each.__name__ for each in type(error).__mro__], str(error)
    if answer := getattr(error, "response", None):
        names = [error_code(error)]
        said = str(answer.get("Error", {}).get("Message", "")) or names[0]
        said = f"{names[0]}, {getattr(error, 'operation_name', '')}: {said}"
    said = " ".join(presentable(redacted(said)).split())  # hidden before it is cut
    said = said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
    found = (
        words
        for name in names
        for table in (better, ADVICE)
        for codes, words in table.items()
        if name in codes
    )
    return next(found, "{said}; try again").replace("{said}", said)


def error_code(error: Exception) -> str:
    """AWS's code of an error, such as `AccessDenied`; empty where AWS did not answer."""
    answer = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
