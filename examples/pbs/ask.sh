#!/bin/sh
# Asks PBS for workers; the job script comes on standard input. ask.sh NAME WORKERS CORES MEMORY_MIB SECONDS
set -eu
# An array of one is refused.
array=""
[ "$2" -gt 1 ] && array="-J 0-$(($2 - 1))"
# shellcheck disable=SC2086 # two words or none
qsub -N "$1" $array -r y -j oe -o /dev/null -l "select=1:ncpus=$3:mem=$4mb" -l "walltime=$5"
