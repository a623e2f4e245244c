/* SPDX-License-Identifier: MIT */
/* serve.h - `tenon serve`: prepares folder, keys and sockets, then supervises. */
#ifndef TN_SERVE_H
#define TN_SERVE_H

/* argv without the program and the word serve; answers the exit status. */
int tn_serve(int argc, char **argv);

#endif
