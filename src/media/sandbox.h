/// The last thing avspl1t-media does before it reads a byte of its input: it gives up everything that it does not need, for good.
///
///     avsp_control_open(…);                     // the request comes from our parent, not from a stranger
///     rc = avsp_sandbox_enter(err);             // from here on the process belongs to whoever wrote the input
///     if (rc == AVSP_OK) rc = run_step(…);
///
/// What holds from then on, whatever code runs in the process:
///   - no new privileges, no core dump, no /proc/self/mem for others of this user (no_new_privs, PR_SET_DUMPABLE);
///   - system calls by an allow-list (sandbox_filter.h): threads, memory, time, and reading and writing what is open. No socket, no
///     program, no process, no signal to anybody else, no executable memory. What is not on the list ends the process
///     with SIGSYS; what libraries try and can do without (processor lists, real-time priorities) fails with an errno;
///   - no file that exists can be opened: only new ones can be made, and where the kernel has landlock (5.13), only in the
///     folder that is the working folder now. Without landlock nothing can be removed either.
/// Descriptors that are open stay usable. So a new kind of step runs in here without further ado as long as it reads
/// AVSP_STEP_INPUT_FD (or another descriptor that its parent gave it), writes new files in the working folder under fresh names
/// (O_CREAT | O_EXCL), and talks on the control socket with read(2) and write(2). A step that needs to look at files by name
/// is in the wrong process: its parent opens them.
///
/// Limits on processor time, memory, file size and descriptors are set by whoever starts the process (worker/child.c,
/// client/media_child.c). A build with a sanitizer allows its run-time what that needs: to read any file, and a helper
/// thread that looks for leaks; network and programs stay out of reach there too.
///
/// Sources: seccomp(2), landlock(7), Documentation/userspace-api/{seccomp_filter,landlock}.rst of Linux 6.1.
#ifndef AVSP_MEDIA_SANDBOX_H
#define AVSP_MEDIA_SANDBOX_H

#include "util/err.h"

/// Closes the door. To be called once, before a second thread exists; there is no way back.
/// @return OK; UNSUPPORTED this kernel cannot filter system calls (CONFIG_SECCOMP_FILTER): nothing from outside may be read.
enum avsp_code avsp_sandbox_enter(struct avsp_err *err) AVSP_CHECKED;

#endif
