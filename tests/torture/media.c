/// The media steps, in this process: whatever fails, they end with words and give everything back. Memory that FFmpeg itself asks for
/// does not fail (5.1 crashes in decoders and in avcodec_alloc_context3, and SVT-AV1 hangs); its functions do, where we call them
/// (inject_av.c). Takes the folder
/// with the fuzzers' seeds.
#include "torture.h"

#include "core/record.h"
#include "media/steps.h"
#include "util/fd.h"

#include <fcntl.h>
#include <libavutil/log.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *seeds;

struct fixture {
    char *folder; ///< the working folder
    int input_fd;
    int pair[2];
};

static struct fixture *make(const char *input)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    AVSP_ASSERT(fx != NULL);
    fx->folder = torture_folder();
    char path[4096];
    snprintf(path, sizeof path, "%s%s%s", input[0] == '/' ? "" : seeds, input[0] == '/' ? "" : "/",
             input);
    fx->input_fd = open(path, O_RDONLY | O_CLOEXEC);
    AVSP_ASSERT(fx->input_fd >= 0 && chdir(fx->folder) == 0);
    AVSP_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fx->pair) == 0);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    close(fx->input_fd);
    close(fx->pair[0]);
    close(fx->pair[1]);
    AVSP_ASSERT(chdir("/") == 0);
    torture_folder_remove(fx->folder);
    free(fx);
}

/// The parent's part, all of it beforehand: the request, and more acknowledgements than there will be files.
static void *make_step(const char *input, const struct avsp_step *step)
{
    struct fixture *fx = make(input);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) said;
    struct avsp_err err = {0};
    avsp_buf_init(&said, AVSP_RECORD_MAX_BYTES);
    avsp_step_write(&said, step);
    for (unsigned i = 0; i < 64; i++)
        avsp_buf_puts(&said, "ack\n");
    AVSP_ASSERT(avsp_fd_write_all(fx->pair[0], said.data, said.len, &err) == AVSP_OK);
    return fx;
}

static enum avsp_code run_step(struct fixture *fx,
                               enum avsp_code (*run)(int, const struct avsp_step *,
                                                     struct avsp_control *, struct avsp_err *),
                               struct avsp_err *err)
{
    struct avsp_step step;
    struct avsp_control *ctl = avsp_control_open(fx->pair[1], &step, err);
    if (ctl == NULL)
        return err->code;
    enum avsp_code rc = run(fx->input_fd, &step, ctl, err);
    if (rc == AVSP_OK)
        rc = avsp_control_drain(ctl, err);
    avsp_control_close(ctl);
    return rc;
}

static void *make_probe(void)
{
    return make_step(
        "source/h264-aac.mp4",
        &(struct avsp_step){.kind = AVSP_STEP_PROBE, .segment_seconds = 1, .max_pending = 1});
}

static enum avsp_code run_probe(void *fx, struct avsp_err *err)
{
    return run_step(fx, avsp_probe_run, err);
}

static void *make_split(void)
{
    return make_step(
        "source/h264-opus.mkv",
        &(struct avsp_step){.kind = AVSP_STEP_SPLIT, .segment_seconds = 1, .max_pending = 1});
}

static enum avsp_code run_split(void *fx, struct avsp_err *err)
{
    return run_step(fx, avsp_split_run, err);
}

/// The input becomes a piece of the source, split beforehand.
static void *make_piece_step(const char *source, const char *piece, const struct avsp_step *step)
{
    struct fixture *split = make_step(
        source,
        &(struct avsp_step){.kind = AVSP_STEP_SPLIT, .segment_seconds = 1, .max_pending = 1});
    struct avsp_err err = {0};
    AVSP_ASSERT(run_split(split, &err) == AVSP_OK);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", split->folder, piece);
    struct fixture *fx = make_step(path, step);
    AVSP_ASSERT(chdir("/") == 0);
    drop(split);
    AVSP_ASSERT(chdir(fx->folder) == 0);
    return fx;
}

static void *make_encode(void)
{
    return make_piece_step("source/vp8.webm", "v0-00000.piece",
                           &(struct avsp_step){.kind = AVSP_STEP_ENCODE,
                                               .max_pending = 1,
                                               .crf = 50,
                                               .preset = 13,
                                               .threads = 1,
                                               .described = true});
}

static enum avsp_code run_encode(void *fx, struct avsp_err *err)
{
    return run_step(fx, avsp_encode_run, err);
}

static void *make_audio(void)
{
    return make_piece_step(
        "source/h264-aac.mp4", "a0.piece",
        &(struct avsp_step){.kind = AVSP_STEP_AUDIO, .segment_seconds = 1, .max_pending = 1});
}

static enum avsp_code run_audio(void *fx, struct avsp_err *err)
{
    return run_step(fx, avsp_audio_run, err);
}

int main(int argc, char **argv)
{
    static const struct torture_case cases[] = {
        {"probe", make_probe, run_probe, NULL, drop, .own_memory = true},
        {"split", make_split, run_split, NULL, drop, .own_memory = true},
        {"encode", make_encode, run_encode, NULL, drop, .own_memory = true},
        {"audio", make_audio, run_audio, NULL, drop, .own_memory = true},
    };
    AVSP_ASSERT(argc == 2);
    seeds = argv[1];
    av_log_set_level(AV_LOG_FATAL);
    setenv("SVT_LOG", "-1", 1);
    return torture_run("torture/media", cases, AVSP_ARRAY_LEN(cases));
}
