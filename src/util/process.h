/// What a program does first: one that holds secrets, one that takes signals.
#ifndef AVSP_UTIL_PROCESS_H
#define AVSP_UTIL_PROCESS_H

#include <signal.h>

/// From now on this process leaves no core dump, and no other process of the same user may look into its memory, its
/// environment or its descriptors (ptrace, /proc). Programs that it starts can be looked at again, but leave no dumps either.
/// Does nothing in a build with a sanitizer, which looks into itself from outside.
void avsp_process_hide(void);

/// The signals that ask a program to end (SIGTERM, SIGINT, SIGHUP), but for those that it was started to ignore: by nohup, or
/// behind a script's "&". For whoever blocks and takes them: Linux keeps one that is blocked even where it is ignored.
void avsp_process_ends(sigset_t *ret_ends);

#endif
