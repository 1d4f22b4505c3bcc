"""SageMaker's model registry: a package in a group for each model; one of them is Approved.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.aws.clients import error_code, explained, open_client, read_prefix
from common.errors import UserError
from common.files import write_whole
from models.egress import bucket_url
from models.promotion.record.line import Named
from models.published.release import FILES, IDENTITY, Release
from models.published.settings import SageMaker
from models.storage.folders import push_folder
from models.storage.index import Index
from models.storage.left import notes

JSON = ["application/json"]
LONGEST = 1024
"""Characters of an ApprovalDescription, and of a package's description."""

IDENTIFIED = re.compile(rf"{IDENTITY} ([0-9a-f]{{64}}): ")
"""What a description begins with, since lists of packages have descriptions and no metadata."""


def _described(release: Release) -> str:
    named = release.named
    words = f"{IDENTITY} {named.identity}: {named.model}, verdict {release.grounds.verdict}"
    return words[:LONGEST]


@dataclass(frozen=True, slots=True)
class SageMakerRegistry:
    """A model package group."""

    settings: SageMaker

    @property
    def title(self) -> str:
        """As in "SageMaker's group contract-qa"."""
        return f"SageMaker's group {self.settings.group}"

    def hosts(self) -> tuple[str, ...]:
        """The bucket of the files, and SageMaker's own server for their facts."""
        with explained(f"{self.title} cannot be asked"):
            s3, sagemaker = self._client("s3"), self._client("sagemaker")
        bucket = bucket_url(read_prefix(self.settings.to).bucket, s3.meta.endpoint_url)
        return (bucket, sagemaker.meta.endpoint_url)

    def find(self, identity: str) -> str | None:
        """The ARN of the package; see RemoteRegistry."""
        with explained(f"{self.title} cannot be read"):
            found = self._package(self._client("sagemaker"), identity)
        return str(found["ModelPackageArn"]) if found else None

    def put(self, release: Release) -> str:
        """Send the files to S3, then make the package; see RemoteRegistry."""
        with explained(f"{self.title} cannot be written"):
            client = self._client("sagemaker")
            if found := self._package(client, release.named.identity):
                if found["CustomerMetadataProperties"].get(FILES) != release.index.digest:
                    raise UserError(
                        f"{self.title}: {found['ModelPackageArn']} has this identity and other "
                        f"files than {release.named.model} here; delete it there, or restore the "
                        "files"
                    )
                return str(found["ModelPackageArn"])
            data, metrics = self._send(release)
            self._make_group(client)
            made = client.create_model_package(
                ModelPackageGroupName=self.settings.group,
                ModelPackageDescription=_described(release),
                ModelApprovalStatus="PendingManualApproval",
                CustomerMetadataProperties=release.facts,
                InferenceSpecification=self._served(data),
                ModelMetrics={
                    "ModelQuality": {"Statistics": {"ContentType": JSON[0], "S3Uri": metrics}}
                },
                ClientToken=release.named.identity[:36],  # of two calls one makes it
            )
            return str(made["ModelPackageArn"])

    def point(self, champion: Named, left: Mapping[str, str]) -> list[str]:
        """Approve the champion, and then reject whoever was it; see RemoteRegistry.

        A pipeline that deploys the latest Approved package so finds one.
        """
        said = []
        with explained(f"{self.title} cannot be written"):
            client = self._client("sagemaker")
            wanted = {champion.identity: ("Approved", "champion"), **{
                identity: ("Rejected", why) for identity, why in left.items()
            }}  # fmt: skip
            statuses = {identity: status for identity, (status, _) in wanted.items()}
            packages = {
                package["CustomerMetadataProperties"][IDENTITY]: package
                for package in self._packages(client, statuses)
            }
            for identity, (status, why) in wanted.items():
                package = packages.get(identity)
                if package is None or package.get("ModelApprovalStatus") == status:
                    continue
                client.update_model_package(
                    ModelPackageArn=package["ModelPackageArn"],
                    ModelApprovalStatus=status,
                    ApprovalDescription=why[:LONGEST],
                    CustomerMetadataProperties=package["CustomerMetadataProperties"],
                )
                said.append(f"{package['ModelPackageArn']} is {status}: {why}")
        return said

    def _client(self, service: str) -> Any:
        return open_client(service, self.settings.region)

    def _package(self, client: Any, identity: str) -> Any:
        found = self._packages(client, {identity: None})
        return next(
            (p for p in found if p["CustomerMetadataProperties"][IDENTITY] == identity), None
        )

    def _packages(self, client: Any, wanted: Mapping[str, str | None]) -> Iterator[Any]:
        """The packages of this product, newest first; a group that is not there has none.

        A package is asked about by itself, one call each, unless its description says that it is
        not wanted.

        Args:
            client: of SageMaker.
            wanted: identities, and the status of each at which nothing is left to do.
        """
        from botocore.exceptions import ClientError

        pages = client.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self.settings.group,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        try:
            for page in pages:
                for each in page["ModelPackageSummaryList"]:
                    said = IDENTIFIED.match(each.get("ModelPackageDescription", ""))
                    status = each.get("ModelApprovalStatus", "")
                    if said and (said[1] not in wanted or wanted[said[1]] == status):
                        continue
                    package = client.describe_model_package(
                        ModelPackageName=each["ModelPackageArn"]
                    )
                    if IDENTITY in package.get("CustomerMetadataProperties", {}):
                        yield package
        except ClientError as error:
            missing = "does not exist" in str(error)
            if not (missing and error_code(error) in {"ValidationException", "ValidationError"}):
                raise

    def _make_group(self, client: Any) -> None:
        """Make the group, if it is not there."""
        from botocore.exceptions import ClientError

        try:
            client.create_model_package_group(ModelPackageGroupName=self.settings.group)
        except ClientError as error:
            if "exist" not in str(error):
                raise

    def _send(self, release: Release) -> tuple[str, str]:
        """Put files and metrics into S3; returns the addresses of the folder and of the metrics."""
        client = self._client("s3")
        note = notes(client, f"models.publish {release.named.model}")
        place = read_prefix(self.settings.to)
        model = type(place)(place.bucket, place.key(release.named.model, release.index.digest[:16]))
        index = push_folder(client, model, release.files, note)
        with tempfile.TemporaryDirectory() as work:
            file = Path(work) / "metrics.json"
            write_whole(file, json.dumps(dict(release.grounds.metrics), sort_keys=True))
            files = {file.name: file}
            kept = type(place)(model.bucket, model.key("metrics", Index.of(files).digest[:16]))
            metrics = push_folder(client, kept, files, note)
        return f"{model.uri(index.digest, release.home)}/", kept.uri(metrics.digest, file.name)

    def _served(self, data: str) -> dict[str, Any]:
        source = {"S3Uri": data, "S3DataType": "S3Prefix", "CompressionType": "None"}
        return {
            "Containers": [
                {"Image": self.settings.image, "ModelDataSource": {"S3DataSource": source}}
            ],
            "SupportedContentTypes": JSON,
            "SupportedResponseMIMETypes": JSON,
        }
