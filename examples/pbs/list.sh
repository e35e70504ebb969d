#!/bin/sh
# Lists jobs whose names begin with a prefix: NAME JOB ID STATE REASON. list.sh PREFIX
set -eu
# -t: with the elements of arrays; -x: also what has ended.
# Apart from what reads it: a qstat that fails must fail this too, or it would look as if nothing were there.
jobs=$(qstat -x -t -f -F dsv -D '|')
# Others may call their jobs what they like: only those of this user count.
printf '%s\n' "$jobs" | awk -F '|' -v prefix="$1" -v user="$(id -un)" '
  {
    id = name = state = comment = status = owner = ""
    for (field = 1; field <= NF; field++) {
      split($field, pair, /[:=] ?/)
      value = $field
      sub(/^[^:=]*[:=] ?/, "", value)
      if (pair[1] == "Job Id") id = value
      if (pair[1] == "Job_Name") name = value
      if (pair[1] == "Job_Owner") owner = value
      if (pair[1] == "job_state") state = value
      if (pair[1] == "Exit_status") status = value
      if (pair[1] == "comment") comment = value
    }
    job = id
    sub(/\[[0-9]+\]/, "[]", job)
    if (index(owner, user "@") != 1 || index(name, prefix) != 1 || id ~ /\[\]/) next
    if (state ~ /^[QHWT]$/) print name, job, id, "pending", comment
    else if (state ~ /^[RESBU]$/) print name, job, id, "running"
    else print name, job, id, (status == "" || status == 0 ? "done" : "failed"), comment
  }'
