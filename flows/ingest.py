"""x."""
from pathlib import Path
from prefect import flow
@flow(name="ingest")
def ingest(study: Path) -> None:
    """X."""
