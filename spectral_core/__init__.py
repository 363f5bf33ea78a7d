"""Everything of offband that is science or storage; knows neither Prefect nor MLflow."""
