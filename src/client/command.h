/// What all commands of avspl1t share: their signatures, exit codes, options, and how they speak.
///
/// Results go to standard output, everything else to standard error. One thread, except where said.
#ifndef AVSP_CLIENT_COMMAND_H
#define AVSP_CLIENT_COMMAND_H

#include "core/model.h"
#include "rpc/client.h"
#include "util/arena.h"
#include "util/cli.h"
#include "util/err.h"

#define AVSP_CMD_NAME "avspl1t"

enum avsp_exit {
    AVSP_EXIT_DONE = 0,
    AVSP_EXIT_FAILED = 1,      ///< the job failed or was canceled, or it was interrupted
    AVSP_EXIT_USAGE = 2,       ///< a wrong option or input, found before anything was done
    AVSP_EXIT_UNREACHABLE = 3, ///< no coordinator
    AVSP_EXIT_NOT_YET = 4,     ///< watch: its --timeout came before the job's end
};

/// How long a short call may take before the coordinator counts as out of reach.
#define AVSP_CMD_CALL_MS 10000

/// Memory for one command's texts and one answer of a coordinator.
#define AVSP_CMD_ARENA_BYTES (64 << 20)

// One row of an option table each; several commands have the same.
#define AVSP_OPTIONS_OF_A_COORDINATOR                                                              \
    {"coordinator", "TARGET", "AVSPL1T_COORDINATOR", "127.0.0.1:50051",                            \
     "The coordinator: HOST:PORT, several with commas, dns:///NAME:PORT or unix:PATH."},           \
        AVSP_CLIENT_SECURITY_OPTIONS
#define AVSP_OPTION_JSON                                                                           \
    {                                                                                              \
        "json", NULL, "AVSPL1T_JSON", NULL, "Print the result as one JSON object."                 \
    }
#define AVSP_OPTIONS_OF_A_PICTURE                                                                  \
    {"deinterlace", "HOW", "AVSPL1T_DEINTERLACE", "frames",                                        \
     "Of interlaced pictures: frames (one for each frame), fields (one for each field), or off."}, \
        {"film-grain", "N", "AVSPL1T_FILM_GRAIN", "0",                                             \
         "Film grain, 0 to 50: taken off the picture, and put on again by the player."},           \
        {"hdr", "HOW", "AVSPL1T_HDR", "keep",                                                      \
         "Of HDR pictures: keep, sdr (tone mapped), or both (SDR renditions beside HDR ones)."},   \
        {"ladder", "RUNGS", "AVSPL1T_LADDER", NULL,                                                \
         "Several renditions of the picture: auto, or HEIGHT[:CRF[:PRESET]],… Default: one, of " \
         "the source's size. None is larger than that."},                                          \
    {                                                                                              \
        "fallback", "CODEC", "AVSPL1T_FALLBACK", "none",                                           \
            "For devices without AV1, the same renditions beside it in another codec: h264 (8 "    \
            "bits, SDR), or none."                                                                 \
    }
#define AVSP_OPTIONS_OF_SOUND                                                                      \
    {"opus", NULL, "AVSPL1T_OPUS", NULL,                                                           \
     "Each track of sound in Opus, too, for players that prefer it to AAC."},                      \
        {"audio-copy", NULL, "AVSPL1T_AUDIO_COPY", NULL,                                           \
         "AC-3 and E-AC-3 as the source has them, too, beside AAC; AAC as the source has it, "     \
         "instead "                                                                                \
         "of encoding it anew. Where that cannot be, a warning says why."},                        \
    {                                                                                              \
        "loudness", "LUFS", "AVSPL1T_LOUDNESS", NULL,                                              \
            "Bring each track to this integrated loudness (EBU R 128), -70 to -5; no peak goes "   \
            "over -1 dBTP. Default: as it is."                                                     \
    }
#define AVSP_OPTIONS_OF_A_CHOICE                                                                   \
    {"start", "TIME", "AVSPL1T_START", NULL,                                                       \
     "Encode a part: frames and sound from here on, counted from the source's beginning, as "      \
     "seconds (12.5) or [HH:]MM:SS (1:02:03.25)."},                                                \
        {"end", "TIME", "AVSPL1T_END", NULL,                                                       \
         "… and up to here: what is shown at TIME is not in it."},                                 \
        {"video-track", "TRACK", "AVSPL1T_VIDEO_TRACK", NULL,                                      \
         "The picture: a stream's number, as probe shows it, or a language like en; none = sound " \
         "alone. Default: what can be decoded, then what the file marks as default, then the "     \
         "largest."},                                                                              \
        {"audio-tracks", "LIST", "AVSPL1T_AUDIO_TRACKS", "all",                                    \
         "The sound: numbers and languages with commas between them, the default one first; all; " \
         "none. What is named must be there and be decodable."},                                   \
    {                                                                                              \
        "subtitle-tracks", "LIST", "AVSPL1T_SUBTITLE_TRACKS", "all",                               \
            "Subtitles that are text, likewise; and cc1 to cc4 and service1 to service63, the "    \
            "captions within the picture."                                                         \
    }
#define AVSP_OPTION_SUBTITLE                                                                       \
    {                                                                                              \
        "subtitle", "FILE:LANG[:NAME]", NULL, NULL,                                                \
            "Also the subtitles in FILE (SubRip, WebVTT or ASS), here or in S3, whose times "      \
            "count from the source's beginning. LANG is their language, as en or pt-BR. Repeats.", \
            .repeats = true                                                                        \
    }
#define AVSP_OPTIONS_OF_A_JOB                                                                      \
    {"segment-seconds", "N", "AVSPL1T_SEGMENT_SECONDS", "4",                                       \
     "Length of a segment in seconds, 1 to 60."},                                                  \
        {"crf", "N", "AVSPL1T_CRF", "30", "Quality, 1 to 63: less is better and larger."},         \
        {"preset", "N", "AVSPL1T_PRESET", "8",                                                     \
         "Speed of the encoder, 1 to 13: more is faster and larger."},                             \
        AVSP_OPTIONS_OF_A_PICTURE, AVSP_OPTIONS_OF_SOUND, AVSP_OPTIONS_OF_A_CHOICE,                \
        AVSP_OPTION_SUBTITLE,                                                                      \
        {"dash", NULL, "AVSPL1T_DASH", NULL,                                                       \
         "Also write manifest.mpd, for players of MPEG-DASH, over the same files."},               \
        {"work", "FOLDER", "AVSPL1T_WORK", NULL,                                                   \
         "Where pieces of the source are kept meanwhile. Default: inside OUTPUT, removed at the "  \
         "end."},                                                                                  \
    {                                                                                              \
        "overwrite", NULL, "AVSPL1T_OVERWRITE", NULL, "Replace a presentation that is in OUTPUT."  \
    }

int avsp_cmd_encode(const struct avsp_cli_parsed *args);
int avsp_cmd_submit(const struct avsp_cli_parsed *args);
int avsp_cmd_status(const struct avsp_cli_parsed *args);
int avsp_cmd_watch(const struct avsp_cli_parsed *args);
/// Watch without a JOB.
int avsp_cmd_watch_all(const struct avsp_cli_parsed *args);
int avsp_cmd_list(const struct avsp_cli_parsed *args);
int avsp_cmd_cancel(const struct avsp_cli_parsed *args);
int avsp_cmd_retry(const struct avsp_cli_parsed *args);
int avsp_cmd_pause(const struct avsp_cli_parsed *args);
int avsp_cmd_resume(const struct avsp_cli_parsed *args);
int avsp_cmd_priority(const struct avsp_cli_parsed *args);
int avsp_cmd_delete(const struct avsp_cli_parsed *args);
int avsp_cmd_workers(const struct avsp_cli_parsed *args);
int avsp_cmd_drain(const struct avsp_cli_parsed *args);
int avsp_cmd_probe(const struct avsp_cli_parsed *args);
int avsp_cmd_verify(const struct avsp_cli_parsed *args);

/// Prints "avspl1t: …" as one line to standard error; control characters in it become '?'.
void avsp_cmd_say(const char *fmt, ...) AVSP_PRINTF(1, 2);

/// Says what went wrong, and gives the exit code for it: out of reach, or a wrong request.
int avsp_cmd_fail(const struct avsp_err *err);

/// The same for a place that cannot be used: that a store is out of reach says nothing about the coordinator.
int avsp_cmd_fail_place(const struct avsp_err *err);

/// The same for a call to a coordinator: says which one where it is out of reach, and which job where there is none.
/// @param job_id  NULL = the call was not about one.
int avsp_cmd_fail_call(const struct avsp_cli_parsed *args, const char *job_id,
                       struct avsp_err *err);

/// The exit code that a job's state stands for; a running one is no failure.
int avsp_cmd_exit_of(const struct avsp_job *job);

/// INPUT, OUTPUT and the options of AVSP_OPTIONS_OF_A_JOB as a job, not checked as a whole yet. Strings are in @p arena.
/// @return OK; INVALID naming the option; as avsp_cmd_location says.
enum avsp_code avsp_cmd_read_spec(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                  struct avsp_job_spec *ret_spec,
                                  struct avsp_err *err) AVSP_CHECKED;

/// The options of AVSP_OPTIONS_OF_A_PICTURE. @return OK; INVALID naming the option.
enum avsp_code avsp_cmd_read_picture(const struct avsp_cli_parsed *args,
                                     struct avsp_picture_options *ret_options,
                                     struct avsp_err *err) AVSP_CHECKED;

/// The options of AVSP_OPTIONS_OF_SOUND. @return OK; INVALID naming the option.
enum avsp_code avsp_cmd_read_sound(const struct avsp_cli_parsed *args,
                                   struct avsp_sound_options *ret_options,
                                   struct avsp_err *err) AVSP_CHECKED;

/// The options of AVSP_OPTIONS_OF_A_CHOICE. @return OK; INVALID naming the option.
enum avsp_code avsp_cmd_choice(const struct avsp_cli_parsed *args, struct avsp_choice *ret_choice,
                               struct avsp_err *err) AVSP_CHECKED;

/// The values of --subtitle. Strings are in @p arena or the command line. @return OK; INVALID naming the option; NO_MEMORY.
enum avsp_code avsp_cmd_read_sidecars(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                      struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                      struct avsp_err *err) AVSP_CHECKED;

/// The values of --label KEY=VALUE. Strings are in @p arena or the command line.
/// @param max  how many there may be. @return OK; INVALID naming the option; NO_MEMORY.
enum avsp_code avsp_cmd_labels(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                               size_t max, struct avsp_label **ret_labels, size_t *ret_n,
                               struct avsp_err *err) AVSP_CHECKED;

/// A client for --coordinator. @return free with avsp_client_free; NULL with @p err set.
struct avsp_client *avsp_cmd_connect(const struct avsp_cli_parsed *args, bool fail_fast,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Cleanup function for a client owned by a local.
void avsp_cmd_client_cleanup(struct avsp_client **cli);

/// Prints all of a result to standard output. @return OK, or what the write said.
enum avsp_code avsp_cmd_print(const char *text, struct avsp_err *err) AVSP_CHECKED;

#endif
