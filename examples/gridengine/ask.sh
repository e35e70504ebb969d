#!/bin/sh
# Asks Grid Engine for workers; the job script comes on standard input. ask.sh NAME WORKERS CORES MEMORY_MIB SECONDS
set -eu
# Grid Engine counts memory by slot. `-notify` sends SIGUSR2 before the end; the worker knows the end by itself.
answer=$(qsub -terse -cwd -o /dev/null -j y -S /bin/sh -N "$1" -t "1-$2" -pe smp "$3" \
  -l "h_rt=$5,h_vmem=$(($4 / $3))M" -r y)
echo "${answer%%.*}"
