/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "loop/process.h"
#include "options.h"
#include "serve.h"

int main(int argc, char **argv)
{
    tn_process_init(argc, argv);
    return tn_cli_main(argc, argv, tn_serve, tn_options_help);
}
