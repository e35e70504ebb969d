"""Holds manifests against the published schemas: those of Kubernetes, and that of the Prometheus operator's resources.

usage: schemas.py FILE.yaml…
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

# The oldest version that deploy/kubernetes/README.md promises, and the newest one that is known.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]


def operator(document):
    """The models ignore keys that they do not know: what they give back must be what they were given."""
    model = ServiceMonitor.model_validate(document)
    again = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if again != document:
        raise ValueError(f"keys that the schema does not have: {document} was read as {again}")


for path in sys.argv[1:]:
    with open(path) as file:
        documents = list(yaml.safe_load_all(file))
    for document in documents:
        if document["apiVersion"].startswith("monitoring.coreos.com/"):
            operator(document)
        else:
            for version in VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)
        print(path, document["kind"], document["metadata"]["name"])
