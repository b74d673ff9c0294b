/* SPDX-License-Identifier: MIT
 *
 * The command `grain`: a table of subcommands, nothing else. Each lives in bench/command/NAME.c; how the
 * table is used (help, --version, unknown names) is in bench/command/dispatch.c.
 */
#include <stddef.h>

#include "command/command.h"
#include "peers/peers.h"
#include "sweep/program.h"

static const struct command commands[] = {
    {"run", "count once, as the tutorial does, and show each phase", command_run},
    {"sweep", "measure a whole plan of cells into a directory", command_sweep},
    {"report", "turn a sweep's samples into tables, claims and RESULTS.md", command_report},
    {"plot", "draw a sweep's three figures", command_plot},
    {"list", "what there is to choose from: backends, calls, schedules, ...", command_list},
    {"doctor", "what this machine offers, and what may spoil measurements", command_doctor},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    program_start("grain");
    peers_register();
    return command_dispatch(commands, argc, argv);
}
