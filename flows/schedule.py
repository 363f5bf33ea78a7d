"""When a served study's flows run, and what their deployments are called."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from spectral_core.errors import StudyError

SCAN_MINUTES = 5.0
NIGHTLY = "0 3 * * *"
TIMEZONE = "UTC"


@dataclass(frozen=True)
class Schedule:
    """When the flows of one study run.

    `scan_minutes` is the time between two scans of the inbox; `nightly` the cron line of the whole pipeline with its
    audit, in `timezone` (an IANA name).
    """

    study_file: str
    study: str
    scan_minutes: float = SCAN_MINUTES
    nightly: str = NIGHTLY
    timezone: str = TIMEZONE

    @property
    def scan_name(self) -> str:
        """The deployment of the ingest flow that scans the inbox from time to time."""
        return f"{_slug(self.study)}-scan"

    @property
    def watched_name(self) -> str:
        """The deployment of the ingest flow that the watcher of the inbox triggers."""
        return f"{_slug(self.study)}-watched"

    @property
    def nightly_name(self) -> str:
        """The deployment of the pipeline flow."""
        return f"{_slug(self.study)}-nightly"

    def to_json(self) -> str:
        """Give the schedule as one argument for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        """Read what `to_json` gave."""
        return cls(**json.loads(text))


def checked_schedule(schedule: Schedule) -> Schedule:
    """Refuse a time that the scheduler would refuse later.

    Raises:
        StudyError: The minutes are not positive, or the cron line or the time zone is none.
    """
    from prefect.client.schemas.schedules import CronSchedule

    if not schedule.scan_minutes > 0:
        raise StudyError("--scan-minutes", "more than 0", f"{schedule.scan_minutes:g}", "Correct the option.")
    try:
        CronSchedule(cron=schedule.nightly, timezone=schedule.timezone)
    except ValueError as error:
        problem = str(error).splitlines()[2].split("[")[0].strip() if str(error).count("\n") > 1 else str(error)
        found = f"{schedule.nightly!r} in {schedule.timezone!r} ({problem})"
        remedy = 'Write, for instance, --nightly "0 3 * * *" --timezone Europe/Zurich.'
        raise StudyError("--nightly, --timezone", "a cron line and an IANA time zone", found, remedy) from None
    return schedule


def _slug(name: str) -> str:
    # Prefect refuses "/", "%", "&", "<" and ">" in names
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "study"
