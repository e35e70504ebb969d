"""Holds a bill of materials against the schema of CycloneDX.

usage: sbom.py FILE.json
"""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with open(sys.argv[1]) as file:
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
if errors:
    sys.exit(f"{sys.argv[1]}: {errors}")
