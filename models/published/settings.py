"""`publish.toml`, beside the registry: which model registries of a team follow what is promoted.

[mlflow]
uri = "https://mlflow.example.com"
model = "contract-qa"

[sagemaker]
group = "contract-qa"
to = "s3://BUCKET/PREFIX"
image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/vllm:1"
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from common.aws.clients import read_prefix
from common.errors import UserError
from common.settings import read_toml

FILE = "publish.toml"
Word = Annotated[str, Field(min_length=1, strict=True)]
Group = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", strict=True)]


class Mlflow(BaseModel):
    """An MLflow server: its registered model gets a version for each model of ours.

    Attributes:
        uri: of the server, without user, query and fragment; who asks is known to it by
            MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD.
        model: name of the registered model.
        alias: of the version in service.
        experiment: whose runs hold the files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: Annotated[str, Field(pattern=r"^https?://[^@?#\s]+$", strict=True)]
    model: Word
    alias: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", strict=True)] = "champion"
    experiment: Word = "bar-exam"


class SageMaker(BaseModel):
    """A model package group of SageMaker.

    Attributes:
        group: its name.
        to: where in S3 the files go, below the model's name.
        image: in which SageMaker serves them; without one no package can be made.
        region: None takes what the AWS profile says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Group
    to: Word
    image: Word
    region: Word | None = None

    @field_validator("to")
    @classmethod
    def _is_in_s3(cls, to: str) -> str:
        try:
            read_prefix(to)
        except UserError as error:
            raise ValueError(str(error)) from error
        return to


class Published(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mlflow: Mlflow | None = None
    sagemaker: SageMaker | None = None


def settings_path(registry: Path) -> Path:
    """Where the file lies: beside the registry, like the policy."""
    return registry.parent / FILE


def read_published(registry: Path) -> Published:
    """What follows; nothing where there is no file.

    Raises:
        UserError: it is malformed.
    """
    path = settings_path(registry)
    published: Published = read_toml(path, Published) if path.exists() else Published()
    return published
