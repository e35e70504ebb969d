#!/bin/sh
# Lists jobs whose names begin with a prefix: NAME JOB ID STATE REASON. list.sh PREFIX
set -eu
# -g d: a line for each task of an array; -r: names that are not cut.
# Apart from what reads it: a qstat that fails must fail this too, or it would look as if nothing were there.
jobs=$(qstat -u "$(id -un)" -g d -r)
printf '%s\n' "$jobs" | awk -v prefix="$1" '
  $1 ~ /^[0-9]+$/ { job = $1; state = $5; task = $NF }
  /Full jobname:/ && index($3, prefix) == 1 {
    said = state ~ /E/ ? "error, see: qstat -j " job : state ~ /h/ ? "held" : ""
    print $3, job, job "." task, state ~ /[qwhE]/ ? "pending" : "running", said
  }'
