"""MLflow's model registry: a run holds the files, a version leads to them, an alias to the version.

With the optional package `mlflow-skinny`, MLflow's own client.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.errors import UserError
from common.redaction import outward
from models.promotion.record.line import Named
from models.published.release import FILES, IDENTITY, Release
from models.published.settings import Mlflow

INSTALL = "pip install mlflow-skinny"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # the policy was asked about this host, and no other
}
ASKED = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
SENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""Seconds and repetitions, where nobody set others: MLflow's own seven, with pauses, take minutes.

A server that never answers holds a promotion's last line as long as one question does.
"""
SHOWN = 300
"""Characters of MLflow's own words that a line has."""


@dataclass(frozen=True, slots=True)
class MlflowRegistry:
    """A registered model of an MLflow server."""

    settings: Mlflow

    @property
    def title(self) -> str:
        """As in "MLflow at http://127.0.0.1:5000"."""
        return f"MLflow at {self.settings.uri}"

    def hosts(self) -> tuple[str, ...]:
        """The server, which keeps the files too."""
        return (self.settings.uri,)

    def find(self, identity: str) -> str | None:
        """The number of the version; see RemoteRegistry."""
        with self._client() as client:
            found = self._version(client, identity)
            return str(found.version) if found else None

    def put(self, release: Release) -> str:
        """Upload into a run, then make the version; see RemoteRegistry.

        A put that was cut short is taken up in its run.
        """
        with self._client(SENT) as client:
            if found := self._version(client, release.named.identity):
                if found.tags.get(FILES) != release.index.digest:
                    raise UserError(
                        f"{self.title}: version {found.version} of {self.settings.model} has this "
                        f"identity and other files than {release.named.model} here; delete it "
                        "there, or restore the files"
                    )
                return str(found.version)
            self._register(client)
            run = self._run(client, release)
            self._upload(client, run, release)
            version = client.create_model_version(
                self.settings.model,
                f"{run.info.artifact_uri}/{release.home}".rstrip("/"),
                run.info.run_id,
                tags=release.facts,
                description=f"{release.named.model}, verdict {release.grounds.verdict}",
                await_creation_for=0,
            )
            client.set_terminated(run.info.run_id)
            return str(version.version)

    def point(self, champion: Named, left: Mapping[str, str]) -> list[str]:
        """Set the alias, which is all that MLflow knows of service; see RemoteRegistry."""
        model, alias = self.settings.model, self.settings.alias
        with self._client() as client:
            version = self._version(client, champion.identity)
            aliases = client.get_registered_model(model).aliases
            if version is None or aliases.get(alias) == str(version.version):
                return []
            client.set_registered_model_alias(model, alias, str(version.version))
        return [f"{self.title}: {model}@{alias} is version {version.version}, {champion.model}"]

    def _version(self, client: Any, identity: str) -> Any:
        """The first version of a model: nothing hinders others from making more by hand."""
        wanted = f"name = '{self.settings.model}' and tags.`{IDENTITY}` = '{identity}'"
        found = client.search_model_versions(wanted)
        return min(found, key=lambda each: int(each.version), default=None)

    def _register(self, client: Any) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(self.settings.model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _run(self, client: Any, release: Release) -> Any:
        """The run of a model: the one that an earlier put began, else a new one."""
        name = self.settings.experiment
        experiment = client.get_experiment_by_name(name)
        where = experiment.experiment_id if experiment else client.create_experiment(name)
        facts = release.facts
        wanted = " and ".join(f"tags.`{key}` = '{facts[key]}'" for key in (IDENTITY, FILES))
        runs = client.search_runs([where], wanted)
        return (
            runs[0] if runs else client.create_run(where, run_name=release.named.model, tags=facts)
        )

    def _upload(self, client: Any, run: Any, release: Release) -> None:
        from mlflow.entities import Metric

        self._check_place(run.info.artifact_uri)
        now = int(time.time() * 1000)
        metrics = [
            Metric(name.replace("@", "_at_"), value, now, 0)
            for name, value in release.grounds.metrics.items()
        ]
        if metrics:
            client.log_batch(run.info.run_id, metrics=metrics)
        with tempfile.TemporaryDirectory() as work:
            for name, path in release.files.items():
                placed = Path(work) / name
                placed.parent.mkdir(parents=True, exist_ok=True)
                placed.symlink_to(path.resolve())
            client.log_artifacts(run.info.run_id, work)
        wanted = {name: path.stat().st_size for name, path in release.files.items()}
        kept = dict(_artifacts(client, run.info.run_id))
        if lost := [name for name in wanted if kept.get(name) != wanted[name]]:
            raise UserError(
                f"{self.title} did not keep {lost[0]} as it was sent; type the same line again"
            )

    def _check_place(self, uri: str) -> None:
        """Refuse a server that sends its clients elsewhere with the files: nobody allowed that.

        Raises:
            UserError: it is one.
        """
        place = urlsplit(uri)
        if place.scheme != "mlflow-artifacts" or place.netloc not in {
            "",
            urlsplit(self.settings.uri).netloc,
        }:
            raise UserError(
                f"{self.title} does not keep files itself, but at {outward(uri)[:SHOWN]}: "
                "start it with --artifacts-destination, and name another experiment"
            )

    @contextmanager
    def _client(self, patience: Mapping[str, str] = ASKED) -> Iterator[Any]:
        """MLflow's client; what it or the network refuses is one line.

        Args:
            patience: how long it waits for an answer, and how often, where nobody set that.

        Raises:
            UserError: the package is missing, or the server does not do what is asked.
        """
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise UserError(
                f"publish.toml names an MLflow server, and its client is missing; type `{INSTALL}`"
            ) from error
        unset = patience.keys() - os.environ.keys()
        os.environ.update({name: patience[name] for name in unset})
        try:
            yield MlflowClient(self.settings.uri, self.settings.uri)
        except UserError:
            raise
        except Exception as error:  # what its parsers raise of an answer that is no MLflow's too
            words = " ".join(outward(str(error) or type(error).__name__).split())
            said = words if len(words) <= SHOWN else f"{words[:SHOWN]}..."
            raise UserError(f"{self.title} does not do what is asked: {said}") from error
        finally:
            for name in unset:
                os.environ.pop(name, None)


def _artifacts(client: Any, run: str, folder: str | None = None) -> Iterator[tuple[str, int]]:
    """Name and size of every file of a run."""
    for each in client.list_artifacts(run, folder):
        if each.is_dir:
            yield from _artifacts(client, run, each.path)
        else:
            yield each.path, each.file_size
