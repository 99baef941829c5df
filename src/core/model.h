/// The words everything else is said in: files, jobs, tasks, and what a task makes.
///
/// Plain data. Strings are NUL-terminated UTF-8, never NULL ("" means absent), and, like arrays, live in the
/// arena of whoever made the value; a struct owns nothing. Values from a peer are checked where they come in
/// (avsp_job_spec_check, src/rpc); nothing here trusts them further than its type. No I/O, clock or thread.
#ifndef AVSP_CORE_MODEL_H
#define AVSP_CORE_MODEL_H

#include "util/arena.h"
#include "util/base.h"
#include "util/err.h"
#include "util/id.h"

/// Ceilings on what comes from outside; each is named once, here.
#define AVSP_PATH_MAX_BYTES 4096
#define AVSP_TEXT_MAX_BYTES 1024     ///< names, keys, messages
#define AVSP_LOG_TAIL_MAX_BYTES 4096 ///< the tail of a tool's log in a failure report
#define AVSP_SEGMENTS_MAX 1000000    ///< index of a segment is below this
#define AVSP_SEGMENT_SECONDS_MAX 60
#define AVSP_BATCH_MAX 500 ///< pieces, segments or files in one message of ours
#define AVSP_WARNINGS_MAX 100
#define AVSP_SLOTS_MAX 256  ///< of one of our workers
#define AVSP_WAITING_MAX 64 ///< nobody needs to know of more

#define AVSP_PROGRESS_MIN_MS 500 ///< between two words about jobs that run, to whoever follows all
#define AVSP_PROGRESS_MAX_MS 60000

#define AVSP_SEGMENT_SECONDS_DEFAULT 4
#define AVSP_CRF_DEFAULT 30
#define AVSP_CRF_MAX 63
#define AVSP_PRESET_DEFAULT 8
#define AVSP_PRESET_MAX 13
#define AVSP_FILM_GRAIN_MAX 50 ///< SVT-AV1's
#define AVSP_RUNGS_MAX 8
#define AVSP_LOUDNESS_MIN_LUFS (-70) ///< the gate of ITU-R BS.1770-4: below is silence
#define AVSP_LOUDNESS_MAX_LUFS (-5)
#define AVSP_RUNG_MIN_PX 64 ///< encoders take no less
#define AVSP_RUNG_MAX_PX 8704

#define AVSP_PRIORITY_DEFAULT 5
#define AVSP_PRIORITY_MAX 9
#define AVSP_LABELS_MAX 32
#define AVSP_LABEL_NAME_MAX_BYTES 63
#define AVSP_LABEL_VALUE_MAX_BYTES 255
#define AVSP_LABEL_FILTERS_MAX 4 ///< that one list may ask for

/// A fraction; a time base, a frame rate or an aspect ratio. den > 0 where it is set, 0/0 means unknown.
struct avsp_rational {
    int32_t num;
    int32_t den;
};

/// A secret text. No formatter, no log: whoever needs it reads `text` and is seen doing so.
struct avsp_secret {
    const char *text;
};

enum avsp_location_kind {
    AVSP_LOCATION_NONE,
    AVSP_LOCATION_FS,
    AVSP_LOCATION_S3,
};

/// How a bucket stands in the address of its store. The numbers are stored and sent: never change one.
enum avsp_s3_style {
    AVSP_S3_STYLE_AUTO = 0,
    AVSP_S3_STYLE_PATH = 1,    ///< https://HOST/BUCKET/KEY
    AVSP_S3_STYLE_VIRTUAL = 2, ///< https://BUCKET.HOST/KEY
};

/// One file or one folder, wherever it is.
struct avsp_location {
    enum avsp_location_kind kind;
    const char *path;          ///< FS: absolute path. S3: key, or key prefix of a folder
    const char *bucket;        ///< S3 only, like all that follow
    const char *region;        ///< "" = found out
    const char *endpoint;      ///< URL or host; "" = Amazon, or what the reader's surroundings say
    const char *access_key_id; ///< "" = the reader's own credentials
    struct avsp_secret secret_access_key;
    struct avsp_secret session_token; ///< "" = the credentials have none
    const char *cache_control;        ///< a folder's: of what is put there; "" = none
    enum avsp_s3_style style;
    bool anonymous; ///< nothing is signed: only what everybody may
};

/// The absent location.
struct avsp_location avsp_location_none(void);

/// A local one. @p path is borrowed.
struct avsp_location avsp_location_fs(const char *path);

/// An S3 one without credentials. The strings are borrowed.
struct avsp_location avsp_location_s3(const char *bucket, const char *path);

/// Is it "", or may it stand in a host's name: up to 63 of a-z, A-Z, 0-9, '-' and '_'?
bool avsp_s3_region_is_valid(const char *region) AVSP_CHECKED;

/// Takes out what is secret in it.
void avsp_location_blank(struct avsp_location *loc);

/// What its submitter says about a job, for people and their programs.
struct avsp_label {
    const char *name;  ///< 1..AVSP_LABEL_NAME_MAX_BYTES of a-z, A-Z, 0-9, '.', '_', '-', '/'
    const char *value; ///< at most AVSP_LABEL_VALUE_MAX_BYTES, printable
};

/// What becomes of interlaced pictures. The numbers are sent: never change one.
enum avsp_deinterlace {
    AVSP_DEINTERLACE_FRAMES = 0, ///< a picture for each frame
    AVSP_DEINTERLACE_FIELDS,     ///< a picture for each field
    AVSP_DEINTERLACE_OFF,        ///< they stay as they are
};

/// What becomes of HDR pictures. The numbers are sent: never change one.
enum avsp_hdr_choice {
    AVSP_HDR_KEEP = 0,
    AVSP_HDR_SDR,  ///< tone mapped to SDR
    AVSP_HDR_BOTH, ///< HDR renditions, and SDR ones beside them
};

/// What there is beside AV1 for devices that do not have it. The numbers are sent: never change one.
enum avsp_fallback {
    AVSP_FALLBACK_NONE = 0,
    AVSP_FALLBACK_H264, ///< the same renditions once more in H.264: 8 bits, SDR
};

/// One rendition of a ladder.
struct avsp_rung {
    int32_t height_px; ///< AVSP_RUNG_MIN_PX..AVSP_RUNG_MAX_PX: of the picture's shorter side
    int32_t crf;       ///< 0 = the job's
    int32_t preset;    ///< 0 = the job's
};

/// Which renditions there are of the picture. All zeros: one, of the source's size.
struct avsp_ladder {
    bool is_auto; ///< the usual sizes, from the source's own down; no rungs
    uint32_t n_rungs;
    struct avsp_rung rungs[AVSP_RUNGS_MAX];
};

/// What is asked of the picture. All zeros: the defaults.
struct avsp_picture_options {
    enum avsp_deinterlace deinterlace;
    int32_t
        film_grain; ///< 0..AVSP_FILM_GRAIN_MAX: how much of it is taken off, and described for the player to put on again
    enum avsp_hdr_choice hdr;
    struct avsp_ladder ladder;
    enum avsp_fallback fallback;
};

/// What is asked of the sound. All zeros: the defaults.
struct avsp_sound_options {
    bool opus;             ///< Opus, too, beside AAC
    int32_t loudness_lufs; ///< integrated loudness that each track is brought to; 0 = as it is
    bool copy;             ///< what HLS takes of the source's sound as it is, too, without encoding
};

/// Which part of a source is wanted, counted from presentation time 0 of the whole. All zeros: all of it.
struct avsp_time_range {
    int64_t start_us;
    int64_t end_us; ///< the first instant that is not in it; 0 = where the source ends
};

/// What of a source is wanted: which tracks (core/choice.h says in what words; NULL is "", the default), and which part.
struct avsp_choice {
    const char *video;
    const char *audio;
    const char *text;
    struct avsp_time_range range;
};

/// A file of subtitles beside the source (core/sidecar.h).
struct avsp_sidecar {
    struct avsp_location file;
    const char *language; ///< BCP 47
    const char *title;    ///< "" = none
};

/// A job as it was asked for.
struct avsp_job_spec {
    struct avsp_location input;  ///< a file
    struct avsp_location work;   ///< a folder; NONE = inside the output
    struct avsp_location output; ///< a folder
    int32_t segment_seconds;     ///< 1..AVSP_SEGMENT_SECONDS_MAX
    int32_t crf;                 ///< 1..AVSP_CRF_MAX, less is better
    int32_t preset;              ///< 1..AVSP_PRESET_MAX, more is faster
    struct avsp_picture_options picture;
    struct avsp_sound_options sound;
    struct avsp_choice choice;
    struct avsp_sidecar *sidecars; ///< in the order of their renditions
    size_t n_sidecars;
    bool overwrite;              ///< another presentation in the output may be replaced
    bool dash;                   ///< an MPD of MPEG-DASH, too
    bool keep_work;              ///< pieces of the source stay in the work folder
    const char *idempotency_key; ///< of one owner, the same key gives the same job; "" = none
    const char *owner;           ///< its submitter's name; NULL or "" = nobody in particular
    int32_t priority;            ///< 0..AVSP_PRIORITY_MAX, more is sooner
    struct avsp_label *labels;   ///< each name once
    size_t n_labels;
};

/// The numbers are stored and sent: never change one.
enum avsp_job_state {
    AVSP_JOB_RUNNING = 1, ///< also while it waits for a worker
    AVSP_JOB_FINISHED,
    AVSP_JOB_FAILED,
    AVSP_JOB_CANCELED,
    AVSP_JOB_PAUSED,  ///< what runs is finished; nothing more is handed out
    AVSP_JOB_DELETED, ///< its rows are being removed; nobody is shown it
};

/// The numbers are stored and sent: never change one.
enum avsp_task_kind {
    AVSP_TASK_NONE = 0,
    AVSP_TASK_SPLIT = 1,
    AVSP_TASK_ENCODE = 2,
    AVSP_TASK_MANIFEST = 3,
    AVSP_TASK_AUDIO = 4,   ///< encodes one audio track as a whole
    AVSP_TASK_CLEANUP = 5, ///< removes what a failed or canceled job left behind
};
#define AVSP_TASK_N_KINDS (AVSP_TASK_CLEANUP + 1) ///< NONE included

enum avsp_task_state {
    AVSP_TASK_READY = 1, ///< claimable, from its not-before time on
    AVSP_TASK_RUNNING,   ///< claimed; claimable again once its lease ran out
    AVSP_TASK_DONE,
    AVSP_TASK_FAILED,
    AVSP_TASK_CANCELED,
    AVSP_TASK_HELD, ///< not claimable: its job is paused, or it lies beyond the job's window
};

/// The fence of one claim: a number that only grows per task, and a random part. attempt 0 = a base caller.
struct avsp_token {
    int64_t attempt;
    int64_t nonce;
};

/// How far a task is.
struct avsp_progress {
    uint64_t frames_done;
    uint64_t frames_total; ///< 0 = not known yet
    uint32_t milli_fps;    ///< frames per 1000 seconds
};

/// What a worker is handed.
struct avsp_task {
    const char *id;
    const char *job_id;
    enum avsp_task_kind kind;
    struct avsp_token token;
    int64_t created_us; ///< wall clock of the database
    int64_t lease_ms;   ///< a heartbeat must come within this; send one every quarter
    bool drain;         ///< kind NONE: the worker is asked to take no new task, and to end
    uint32_t n_waiting; ///< ENCODE: encodes that wait behind this one, at most AVSP_WAITING_MAX
    uint32_t n_spent;   ///< attempts that failed, or fell silent after they began

    struct avsp_location input; ///< SPLIT: the source; ENCODE, AUDIO: the piece
    struct avsp_location work;  ///< SPLIT: where pieces go; CLEANUP: what is removed
    struct avsp_location output;
    uint32_t idx; ///< first segment of an ENCODE; 0 elsewhere
    int32_t segment_seconds;
    int32_t crf;
    int32_t preset;
    struct avsp_picture_options picture; ///< SPLIT, ENCODE
    struct avsp_sound_options sound;     ///< AUDIO
    bool overwrite;
    bool dash;                     ///< MANIFEST
    bool keep_work;                ///< ENCODE, AUDIO, MANIFEST, CLEANUP
    struct avsp_choice choice;     ///< SPLIT
    struct avsp_sidecar *sidecars; ///< SPLIT
    size_t n_sidecars;
    uint32_t resume_idx; ///< SPLIT: pieces of segments below this are stored and reported already
    bool described;      ///< ENCODE, MANIFEST: the pieces are our split's and carry their metadata
    struct avsp_location
        *files; ///< MANIFEST of a job whose split a base worker did: in index order
    size_t n_files;
};

/// One piece of the source, as a split made it.
struct avsp_piece {
    enum avsp_task_kind kind; ///< ENCODE or AUDIO: the task that takes it
    uint32_t track;           ///< 0.. among its kind
    uint32_t idx;             ///< first segment; 0 for AUDIO
    uint32_t n_segments;      ///< how many consecutive segment places it covers; 0 for AUDIO
    int64_t in_pts;           ///< window [in, out) in time_base, of the source's own timestamps
    int64_t out_pts;
    struct avsp_rational time_base;
    uint64_t
        frames; ///< shown frames in the window; AUDIO: 0 beside a picture, AAC frames where it is alone
    uint64_t bytes;
    struct avsp_location file;
};

#define AVSP_SHA256_HEX_BYTES 65

enum avsp_media_kind {
    AVSP_MEDIA_VIDEO = 1,
    AVSP_MEDIA_AUDIO = 2,
    AVSP_MEDIA_TEXT = 3, ///< WebVTT: no init segment, one file
};
#define AVSP_TEXT_TIMESCALE 1000 ///< of a rendition of text

/// What a track is for beyond the plain picture, sound or text; bits of avsp_rendition.purposes. The numbers are stored and sent:
/// never change one.
enum avsp_purpose {
    AVSP_PURPOSE_COMMENTARY = 1,  ///< by its makers
    AVSP_PURPOSE_DESCRIPTION = 2, ///< AUDIO: says what is seen, for those who cannot see it
    AVSP_PURPOSE_HEARING = 4,     ///< for the hard of hearing
    AVSP_PURPOSE_FORCED = 8,      ///< TEXT: what everybody needs to understand, whatever is chosen
    AVSP_PURPOSE_DEFAULT = 16,    ///< TEXT: shown where nobody chooses
};
#define AVSP_PURPOSES_ALL 31u ///< of them

/// What all segments of one track in one quality share: an init segment, and the playlist's attributes.
struct avsp_rendition {
    const char *name; ///< its folder in the output: "v0", "a0"
    enum avsp_media_kind kind;
    const char *
        init_name; ///< file name of the init segment within that folder; "" for TEXT, as its hash is
    uint64_t init_bytes;
    const char *init_sha256; ///< 64 hex digits
    const char *codecs;      ///< RFC 6381, from the bitstream: "av01.0.04M.08"
    uint32_t timescale;      ///< ticks a second of all its segments
    int64_t
        priming_ticks; ///< AUDIO: media time of presentation time 0 (the edit list), in timescale
    uint32_t width_px; ///< VIDEO: as displayed before the aspect ratio is applied
    uint32_t height_px;
    struct avsp_rational frame_rate;
    const char *video_range; ///< "SDR", "PQ", "HLG"
    uint32_t channels;       ///< AUDIO
    const char *language;    ///< BCP 47, "und" where unknown
    const char *title;
    uint32_t purposes; ///< bits of avsp_purpose
};

/// One segment as it was made: measured, not asked for.
struct avsp_segment {
    const char *rendition; ///< name of its rendition
    uint32_t idx;
    const char *name;    ///< file name within the rendition's folder
    int64_t start_ticks; ///< decode time of its first sample (tfdt), in the rendition's timescale
    int64_t duration_ticks;
    uint64_t frames; ///< samples
    uint64_t bytes;
    const char *sha256; ///< 64 hex digits
    uint64_t
        key_bytes; ///< VIDEO: the part of the file that holds its first frame, a keyframe, as a fragment of its own; 0 = unknown
};

/// Everything a task made, or one batch of it.
struct avsp_outputs {
    struct avsp_piece *pieces;
    size_t n_pieces;
    struct avsp_rendition *renditions;
    size_t n_renditions;
    struct avsp_segment *segments;
    size_t n_segments;
    const char **warnings; ///< for the person who submitted the job
    size_t n_warnings;
};

/// Why an attempt failed.
struct avsp_failure {
    enum avsp_code code;
    bool may_retry;
    const char *message;  ///< safe to show to whoever submitted the job
    const char *log_tail; ///< the last lines of the tool's log, at most AVSP_LOG_TAIL_MAX_BYTES
};

/// How a task ended, as its worker says.
struct avsp_finish {
    const char *worker_id;
    const char *task_id;
    struct avsp_token token;
    bool succeeded;
    struct avsp_outputs outputs;    ///< what was not reported before
    struct avsp_failure failure;    ///< where !succeeded
    bool input_gone;                ///< likewise: the file that the task takes is not there
    enum avsp_task_kind files_kind; ///< which base result message came; NONE = none
    struct avsp_location *files;    ///< files of that message: SPLIT any number, else one
    size_t n_files;
};

/// What a claim or a heartbeat tells about the worker.
struct avsp_worker_info {
    const char *id;
    const char *host;
    const char *version;
    uint32_t slots;
    uint32_t kinds;       ///< bit 1 << avsp_task_kind for each kind it takes
    const char *encoders; ///< what decides the bytes of its encodes; "" = it does not say
};

/// A question for work.
struct avsp_claim {
    struct avsp_worker_info worker;
    bool own;             ///< the caller knows the extensions; false = a base worker
    const char *claim_id; ///< a repeated claim with the same id gives the same task; "" = none
    uint32_t wait_ms;     ///< how long it may take to answer "none"
};

/// What the coordinator says about an attempt that goes on.
struct avsp_attempt_status {
    bool canceled;   ///< stop it; nothing more is wanted
    bool lease_lost; ///< somebody else has the task now: drop it
    bool drain;      ///< the worker is asked to take no new task, and to end
    bool hold; ///< SPLIT: enough of its pieces wait for encoders: make no more until this is over
    bool hand_back; ///< SPLIT: that may last, for its job is paused: release it
    char job_id
        [AVSP_ID_BYTES]; ///< the coordinator's own knowledge, for its log: not sent; "" = not known
};

/// The numbers are sent: never change one.
enum avsp_worker_state {
    AVSP_WORKER_IDLE = 1,
    AVSP_WORKER_WORKING,
    AVSP_WORKER_DRAINING, ///< asked to take no new task, and to end
    AVSP_WORKER_AWAY,     ///< not heard of for a while
};

/// What a worker does now.
struct avsp_worker_task {
    const char *job_id;
    enum avsp_task_kind kind;
    uint32_t idx; ///< first segment of an ENCODE
};

/// A worker that was heard of lately.
struct avsp_worker_record {
    const char *id;
    enum avsp_worker_state state;
    const char *host; ///< "" for a base worker, like version; 0 slots
    const char *version;
    uint32_t slots;
    bool drains;
    int64_t first_us; ///< wall clock of the database
    int64_t seen_us;  ///< give or take some seconds
    struct avsp_worker_task *tasks;
    size_t n_tasks;
};

/// Which workers to list: by id.
struct avsp_workers_query {
    uint32_t limit; ///< 1..AVSP_BATCH_MAX
    const char *page;
};

struct avsp_worker_page {
    struct avsp_worker_record *workers;
    size_t n_workers;
    const char *next_page;
};

/// A task that runs now, for displays.
struct avsp_running {
    const char *task_id;
    enum avsp_task_kind kind;
    uint32_t idx;
    const char *worker_id;
    int64_t attempt;
    struct avsp_progress progress;
};

/// A job as it stands.
struct avsp_job {
    const char *id;
    enum avsp_job_state state;
    struct avsp_job_spec spec;     ///< without secrets
    int64_t created_us;            ///< wall clock of the database
    int64_t ended_us;              ///< 0 while it runs
    int32_t percent_complete;      ///< 0 until the split is done, 100 when finished
    struct avsp_location manifest; ///< NONE until finished
    uint64_t frames_done;
    uint64_t frames_total; ///< of the pieces known so far
    bool split_done;       ///< frames_total and n_tasks are final
    uint32_t tasks_done;
    uint32_t n_tasks;
    struct avsp_failure failure; ///< where FAILED
    const char **warnings;
    size_t n_warnings;
    struct avsp_running *running;
    size_t n_running;
    uint64_t version;        ///< grows with every change of the job or its tasks
    const char *encoders;    ///< that its encodes are made with, all of them; "" = not known (yet)
    bool waits_for_encoders; ///< encodes wait, and no worker that was heard of lately has these
};

/// Which jobs to list: newest first.
struct avsp_job_filter {
    enum avsp_job_state state; ///< 0 = any
    uint32_t limit;            ///< 1..AVSP_BATCH_MAX
    const char *page;          ///< "" = the first page; else `next_page` of the answer before
    struct avsp_label *labels; ///< that a job must have, all of them
    size_t n_labels;           ///< at most AVSP_LABEL_FILTERS_MAX
    const char *owner;         ///< NULL = anybody's
};

struct avsp_job_page {
    struct avsp_job *jobs; ///< without running tasks
    size_t n_jobs;
    const char *next_page; ///< "" = this was the last
};

/// Which changes of jobs to list: in their order.
struct avsp_changes_query {
    const char *after; ///< "" = every job that is not over; else a cursor
    bool working;      ///< instead: jobs that a worker works at now; `after` "" or a job's id
    struct avsp_label *labels; ///< that a job must have, all of them
    size_t n_labels;           ///< at most AVSP_LABEL_FILTERS_MAX
    const char *owner;         ///< NULL = anybody's
    uint32_t limit;            ///< 1..AVSP_BATCH_MAX
};

struct avsp_changes_page {
    struct avsp_job *jobs; ///< as they are now, without running tasks
    const char **cursors;  ///< one for each job; "" where `working`
    size_t n_jobs;
    const char *next; ///< `after` of the next page
    bool more;        ///< there is one already
};

/// Which jobs to follow.
struct avsp_watch_query {
    const char *after; ///< "" = begin with every job that is not over; else a cursor
    struct avsp_label *labels;
    size_t n_labels; ///< at most AVSP_LABEL_FILTERS_MAX
    uint32_t
        progress_ms; ///< 0 = never, or AVSP_PROGRESS_MIN_MS..AVSP_PROGRESS_MAX_MS: how often jobs that workers work at are told again
};

/// How one attempt ended.
struct avsp_attempt_record {
    const char *task_id;
    enum avsp_task_kind kind;
    uint32_t idx; ///< first segment of an ENCODE
    int64_t attempt;
    const char *worker_id;
    int64_t claimed_us; ///< wall clock of the database
    int64_t ended_us;
    const char *outcome;         ///< "done", "failed", "lost", "released", "canceled"
    struct avsp_failure failure; ///< code OK: it did not fail
};

/// Which attempts at a job's tasks to list: in the order of their ends.
struct avsp_attempts_query {
    const char *job_id;
    uint32_t limit; ///< 1..AVSP_BATCH_MAX
    const char *page;
};

struct avsp_attempt_page {
    struct avsp_attempt_record *attempts;
    size_t n_attempts;
    const char *next_page;
};

/// Which outputs of a job to list: renditions by name, segments by (rendition, index).
struct avsp_outputs_query {
    const char *task_id; ///< a manifest task that the caller holds
    struct avsp_token token;
    const char *page;
};

struct avsp_outputs_page {
    struct avsp_outputs outputs;
    const char *next_page;
};

/// Lower-case names for displays, logs and JSON: "running", "split"; "?" for a value that is not one.
const char *avsp_job_state_name(enum avsp_job_state state);
const char *avsp_task_kind_name(enum avsp_task_kind kind);
const char *avsp_task_state_name(enum avsp_task_state state);
const char *avsp_worker_state_name(enum avsp_worker_state state);

/// Fills defaults (0 → default) and checks every field of a spec that came from outside. A missing work folder
/// becomes the folder ".avspl1t-work" inside the output.
/// @return OK; INVALID naming the wire's field, as in "av1_encode_job.crf: 77 is over 63"; NO_MEMORY.
enum avsp_code avsp_job_spec_check(struct avsp_job_spec *spec, struct avsp_arena *arena,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Checks a label that came from outside. @return OK; INVALID "labels: …".
enum avsp_code avsp_label_check(const struct avsp_label *label, struct avsp_err *err) AVSP_CHECKED;

/// The location of @p name inside the folder @p folder.
/// @param name  relative, '/' between parts; no empty, "." or ".." part, no NUL or control character.
/// @return OK; INVALID for another name; NO_MEMORY.
enum avsp_code avsp_location_join(struct avsp_arena *arena, const struct avsp_location *folder,
                                  const char *name, struct avsp_location *ret_file,
                                  struct avsp_err *err) AVSP_CHECKED;

/// A location for people and logs, without credentials: "/path" or "s3://bucket/key"; in the arena, or
/// a static text where memory ran out.
const char *avsp_location_show(struct avsp_arena *arena, const struct avsp_location *loc);

/// Do two locations name the same thing (credentials aside)?
bool avsp_location_equal(const struct avsp_location *a, const struct avsp_location *b);

/// A deep copy into @p arena. @return OK or NO_MEMORY.
enum avsp_code avsp_location_copy(struct avsp_arena *arena, const struct avsp_location *from,
                                  struct avsp_location *ret_copy,
                                  struct avsp_err *err) AVSP_CHECKED;

/// The same of a rendition.
enum avsp_code avsp_rendition_copy(struct avsp_arena *arena, const struct avsp_rendition *from,
                                   struct avsp_rendition *ret_copy,
                                   struct avsp_err *err) AVSP_CHECKED;

#endif
