"""x."""
from pathlib import Path
from prefect import flow
@flow(name="pipeline")
def pipeline(study: Path) -> None:
    """X."""
