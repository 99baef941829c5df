/// What a program that holds secrets does first.
#ifndef AVSP_UTIL_PROCESS_H
#define AVSP_UTIL_PROCESS_H

/// From now on this process leaves no core dump, and no other process of the same user may look into its memory, its
/// environment or its descriptors (ptrace, /proc). Programs that it starts can be looked at again, but leave no dumps either.
/// Does nothing in a build with a sanitizer, which looks into itself from outside.
void avsp_process_hide(void);

#endif
