/// The fake coordinator as a program, for clients in other languages: prints its address, serves until standard input
/// ends, then stops. A line "ready" makes a task, "change" a new version of the job, "lame" lets the stop have a lame duck.
#include "fake.h"

#include <string.h>

int main(void)
{
    static struct fake fake;
    fake_start(&fake, NULL);
    printf("%s\n", fake.listen);
    fflush(stdout);
    char line[64];
    uint64_t version = 1;
    int lame_duck_ms = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "ready\n") == 0)
            fake_ready(&fake, 1);
        else if (strcmp(line, "change\n") == 0)
            fake_change(&fake, ++version, AVSP_JOB_RUNNING);
        else if (strcmp(line, "lame\n") == 0)
            lame_duck_ms = 4000;
    }
    fake_stop(&fake, lame_duck_ms, 5000);
    return 0;
}
