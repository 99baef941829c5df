/// avspl1t: the table of its commands, and the way to each.
#include "client/command.h"
#include "client/stores.h"
#include "util/process.h"

#include <signal.h>

static const struct avsp_cli_option encode_options[] = {
    AVSP_OPTIONS_OF_A_JOB,
    AVSP_OPTIONS_OF_S3,
    {"restart", NULL, "AVSPL1T_RESTART", NULL,
     "Begin anew where an encode was interrupted, and drop what it had done."},
    {"slots", "N", "AVSPL1T_SLOTS", NULL,
     "How many pieces are encoded at once. Default: from cores and memory."},
    {"log", "FILE", "AVSPL1T_LOG", NULL, "Add what the programs behind the scenes say to a file."},
    AVSP_OPTION_JSON,
    {"verbose", NULL, "AVSPL1T_VERBOSE", NULL, "Say more about a failure."},
};

static const struct avsp_cli_option submit_options[] = {
    AVSP_OPTIONS_OF_A_JOB,
    AVSP_OPTIONS_OF_S3,
    AVSP_OPTIONS_OF_S3_ELSEWHERE,
    {"idempotency-key", "TEXT", NULL, NULL,
     "Submitting again with the same key gives the same job, not a second one."},
    {"keep-work", NULL, "AVSPL1T_KEEP_WORK", NULL,
     "The pieces of the source stay in the work folder, for whoever wants to look at them."},
    {"priority", "N", "AVSPL1T_PRIORITY", "5",
     "0 to 9: tasks of a job with more come before all of those with less."},
    {"label", "KEY=VALUE", NULL, NULL, "Something for list to find the job by. Repeats.",
     .repeats = true},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option job_options[] = {
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option status_options[] = {
    {"sign", "SECONDS", NULL, NULL,
     "The URL of a presentation in S3 carries a signature by this user's credentials for so long, "
     "at "
     "most 604800 (a week). It opens the one file that it names."},
    {"attempts", NULL, NULL, NULL,
     "Also how each attempt at each of its tasks ended: worker, times, error, and the tail of the "
     "log."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option drain_options[] = {
    {"undo", NULL, NULL, NULL, "It may take tasks again, where it still runs or is started anew."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
};

static const struct avsp_cli_option retry_options[] = {
    {"repin", NULL, NULL, NULL,
     "Begin all its encodes anew, with the encoders of whichever worker takes the first of them; "
     "also where the job is not over."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option delete_options[] = {
    {"force", NULL, NULL, NULL, "Cancel the job first where it is not over."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option watch_options[] = {
    {"timeout", "SECONDS", "AVSPL1T_TIMEOUT", "0",
     "Stop watching after this long, with exit status 4; 0 watches to the end."},
    {"label", "KEY=VALUE", NULL, NULL,
     "Of all jobs, those that were submitted with this label. Repeats: all of them, at most 4.",
     .repeats = true},
    {"progress", "SECONDS", NULL, NULL,
     "Of all jobs, tell those that workers work at again every so often, 1 to 60."},
    {"after", "CURSOR", NULL, NULL,
     "Go on behind the event with this cursor: what changed since comes first."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
    {"verbose", NULL, "AVSPL1T_VERBOSE", NULL, "Say more about a failure."},
};

static const struct avsp_cli_option list_options[] = {
    {"state", "STATE", NULL, NULL,
     "Only jobs that are running, paused, finished, failed or canceled."},
    {"label", "KEY=VALUE", NULL, NULL,
     "Only jobs that were submitted with this label. Repeats: all of them, at most 4.",
     .repeats = true},
    {"limit", "N", NULL, "100", "At most so many, newest first."},
    AVSP_OPTIONS_OF_A_COORDINATOR,
    AVSP_OPTION_JSON,
};

static const struct avsp_cli_option probe_options[] = {
    AVSP_OPTIONS_OF_A_PICTURE,
    AVSP_OPTIONS_OF_SOUND,
    {"segment-seconds", "N", "AVSPL1T_SEGMENT_SECONDS", "4",
     "Length of a segment that the plan is made for, 1 to 60."},
    AVSP_OPTIONS_OF_A_CHOICE,
    AVSP_OPTION_SUBTITLE,
    AVSP_OPTION_JSON,
    {"verbose", NULL, "AVSPL1T_VERBOSE", NULL, "Show what FFmpeg says about the file."},
};

static const struct avsp_cli_option verify_options[] = {
    {"fast", NULL, "AVSPL1T_FAST", NULL,
     "Read playlists and headers only: decode nothing, and read no segment as a whole."},
    AVSP_OPTION_JSON,
    {"verbose", NULL, "AVSPL1T_VERBOSE", NULL, "Show what FFmpeg says about the media."},
};

#define OPTIONS(table) .options = (table), .n_options = AVSP_ARRAY_LEN(table)

static const struct avsp_cli_command commands[] = {
    {.name = "encode",
     .arguments = "INPUT OUTPUT",
     .min_args = 2,
     .max_args = 2,
     .summary = "encode a video on this machine",
     .help =
         "Encodes the video INPUT to an AV1 HLS presentation in the folder OUTPUT. Nothing "
         "needs to run before: a "
         "coordinator and a worker are started for it and end with it. At the end the path of "
         "the presentation, "
         "OUTPUT/manifest.m3u8, is printed.\n"
         "\n"
         "Ctrl-C stops it. So do a crash and a power cut, and after each the same command goes on "
         "with what is done: until the end, OUTPUT/.avspl1t keeps all that is needed for it. "
         "Another INPUT, one that has changed, or other options for the result are refused there, "
         "unless --restart is given (or --overwrite). Where the file system of OUTPUT can hold no "
         "database (network, FAT), that is kept in avspl1t in $XDG_STATE_HOME or ~/.local/state.\n"
         "\n"
         "INPUT and OUTPUT can be in S3, as s3://BUCKET/KEY, with the endpoint and the credentials "
         "of "
         "the AWS_… variables or ~/.aws; what is kept meanwhile is in the same folder of state.",
     OPTIONS(encode_options)},
    {.name = "submit",
     .arguments = "INPUT OUTPUT",
     .min_args = 2,
     .max_args = 2,
     .summary = "hand a job to a coordinator",
     .help = "Hands the job to a coordinator and prints its id. Workers do it: they have to see "
             "INPUT and OUTPUT under "
             "the paths given here, or as s3://BUCKET/KEY.\n"
             "\n"
             "For S3, endpoint, region and credentials are those of the AWS_… variables "
             "(AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
             "AWS_SESSION_TOKEN, AWS_PROFILE, AWS_CA_BUNDLE) and of ~/.aws. It is looked first "
             "whether INPUT is there and OUTPUT can be written. docs/STORAGE.md has examples.",
     OPTIONS(submit_options)},
    {.name = "status",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "show how a job stands",
     .help = "Shows how a job stands. The exit status is 1 where it failed or was canceled.",
     OPTIONS(status_options)},
    {.name = "watch",
     .arguments = "[JOB]",
     .max_args = 1,
     .summary = "follow a job to its end, or all jobs",
     .help =
         "Shows the progress of a job until it is over, also while its coordinator restarts. "
         "At the end the place of "
         "the presentation is printed.\n"
         "\n"
         "Without JOB, follows all jobs until it is ended: one line for each that is not over, "
         "then "
         "one for each whose state changed (submitted, paused, finished, failed, canceled, "
         "deleted), with --json one object a line. Its \"cursor\" is for --after: whoever goes on "
         "with the last one, at any time and at any coordinator of the same database, misses the "
         "end of no job.",
     OPTIONS(watch_options)},
    {.name = "list",
     .arguments = "",
     .summary = "list jobs",
     .help = "Lists the jobs that a coordinator knows, newest first.",
     OPTIONS(list_options)},
    {.name = "cancel",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "end a job",
     .help = "Ends a job. What runs for it is stopped within seconds, and what it made is removed.",
     OPTIONS(job_options)},
    {.name = "retry",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "try a job again",
     .help = "Runs a failed or canceled job again. Segments that are done are kept, unless they "
             "were removed already, which workers begin with some seconds after the end: then all "
             "of it is done again. A job that runs is left alone.\n"
             "\n"
             "All encodes of a job are made with one set of encoders, that of the worker that took "
             "the first of them. Where no such worker is there any more (status says so), --repin "
             "begins the job anew with the encoders that there are.",
     OPTIONS(retry_options)},
    {.name = "pause",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "hold a job",
     .help = "Holds a job: what runs for it is finished, and nothing more is begun until resume.",
     OPTIONS(job_options)},
    {.name = "resume",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "go on with a paused job",
     .help = "Goes on with a job that was paused.",
     OPTIONS(job_options)},
    {.name = "priority",
     .arguments = "JOB N",
     .min_args = 2,
     .max_args = 2,
     .summary = "change the priority of a job",
     .help = "Sets the priority of a job that is not over, 0 to 9. Tasks of a job with more come "
             "before all of those with less; what runs goes on.",
     OPTIONS(job_options)},
    {.name = "delete",
     .arguments = "JOB",
     .min_args = 1,
     .max_args = 1,
     .summary = "forget a job",
     .help = "Makes the coordinator forget a job that is over, and its credentials. The "
             "presentation that it made stays.",
     OPTIONS(delete_options)},
    {.name = "workers",
     .arguments = "",
     .summary = "list workers",
     .help = "Lists the workers that were seen within a day: how each stands (working, idle, "
             "draining, or away, which is not heard of for a minute), and what it does now.",
     OPTIONS(job_options)},
    {.name = "drain",
     .arguments = "WORKER",
     .min_args = 1,
     .max_args = 1,
     .summary = "take a worker out of service",
     .help = "Asks a worker to take no new task, to finish what it runs, and to end with exit "
             "status 0. It is asked again whenever it is started under the same name, until "
             "--undo.",
     OPTIONS(drain_options)},
    {.name = "probe",
     .arguments = "INPUT",
     .min_args = 1,
     .max_args = 1,
     .summary = "show what is in a video, and the plan for it",
     .help =
         "Shows what is in a video file, here or in S3, and in files of subtitles beside it, and "
         "what would become of each stream.",
     OPTIONS(probe_options)},
    {.name = "verify",
     .arguments = "OUTPUT",
     .min_args = 1,
     .max_args = 1,
     .summary = "check an HLS presentation",
     .help = "Checks the HLS presentation in the folder OUTPUT, here or in S3, whoever made it, or "
             "the one whose "
             "playlist OUTPUT is: "
             "the playlists against RFC 8216, the media against the playlists, and every frame by "
             "decoding it. Each finding names "
             "the file, the rule and the remedy; docs/VERIFY.md lists the rules. Nothing outside "
             "of the folder is opened, whatever a "
             "playlist names.\n"
             "\n"
             "The exit status is 1 where there is an error; warnings alone leave it 0.",
     OPTIONS(verify_options)},
};

static int (*const actions[])(const struct avsp_cli_parsed *args) = {
    avsp_cmd_encode, avsp_cmd_submit,  avsp_cmd_status, avsp_cmd_watch,  avsp_cmd_list,
    avsp_cmd_cancel, avsp_cmd_retry,   avsp_cmd_pause,  avsp_cmd_resume, avsp_cmd_priority,
    avsp_cmd_delete, avsp_cmd_workers, avsp_cmd_drain,  avsp_cmd_probe,  avsp_cmd_verify,
};
_Static_assert(AVSP_ARRAY_LEN(actions) == AVSP_ARRAY_LEN(commands), "one action a command");

static const struct avsp_cli_program program = {
    .name = AVSP_CMD_NAME,
    .summary = "split a video over many machines and get an AV1 HLS presentation back",
    .description = "Encodes videos to AV1 for HTTP Live Streaming, on this machine (encode) or on "
                   "as many as there are "
                   "(submit, with avspl1t-coordinator and avspl1t-worker).",
    .commands = commands,
    .n_commands = AVSP_ARRAY_LEN(commands),
    .notes = "EXIT STATUS\n0 done; 1 the job failed or was canceled, or encode or an upload was "
             "interrupted; 2 a wrong option or input, "
             "found before anything was "
             "done; 3 no coordinator answers; 4 watch gave up waiting.\n"
             "\n"
             "SEE ALSO\navspl1t-coordinator(1), avspl1t-worker(1)",
};

int main(int argc, char **argv)
{
    struct avsp_err err = {0};
    struct avsp_cli_parsed args;
    bool is_answered = false;
    avsp_process_hide();
    signal(SIGPIPE, SIG_IGN); // a reader that went away shows as an error of write(2)
    if (avsp_cli_parse(&program, argc, argv, &args, &is_answered, &err) != AVSP_OK) {
        avsp_cmd_say("%s", err.text);
        return AVSP_EXIT_USAGE;
    }
    return is_answered ? AVSP_EXIT_DONE : actions[args.command - commands](&args);
}
