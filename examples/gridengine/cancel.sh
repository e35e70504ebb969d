#!/bin/sh
# Ends workers. cancel.sh JOB.TASK...
set -eu
for id in "$@"; do qdel "${id%.*}" -t "${id#*.}"; done
