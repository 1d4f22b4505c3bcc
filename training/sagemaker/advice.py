"""What errors of AWS mean for a training job, beside what `common/aws/clients.py` knows."""

from common.aws.clients import Advice

ADVICE: Advice = {
    ("403", "AccessDenied", "AccessDeniedException", "Forbidden"): (
        "access denied ({said}); give your AWS user, and the role of --role, the rights that "
        "docs/training.md lists"
    ),
    ("NoSuchBucket",): (
        "there is no such bucket ({said}); type `aws s3 mb s3://BUCKET`, or name another by "
        "--bucket"
    ),
    (
        "301",
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
    ): "the bucket lies in another region ({said}); name that by --region",
    ("404", "NoSuchKey"): "it is not there ({said}); was it deleted? Change the recipe's name",
    ("ResourceLimitExceeded",): (
        "a quota is used up ({said}); raise it in Service Quotas, or change --instance"
    ),
    (
        "ValidationException",
        "ValidationError",
        "ParamValidationError",
    ): "AWS refuses the request ({said}); check --role, --instance and --image",
    ("NoRegionError",): "no AWS region is set; give --region, e.g. --region us-east-1",
    (
        "HTTPClientError",
        "ConnectionError",
    ): "AWS cannot be reached ({said}); check the network and --region",
}
