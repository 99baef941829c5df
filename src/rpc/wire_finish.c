#include "rpc/wire.h"

static bool fill_split(struct avsp_arena *arena, const struct avsp_finish *finish,
                       Com__Avspl1t__FinishTaskMessage *msg)
{
    Com__Avspl1t__SplitVideoFinishMessage *split =
        avsp_wire_new(arena, &com__avspl1t__split_video_finish_message__descriptor);
    if (split == NULL)
        return false;
    msg->additional_details_case =
        COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_SPLIT_VIDEO_FINISH_MESSAGE;
    msg->split_video_finish_message = split;
    split->n_generated_files = finish->n_files;
    split->generated_files = avsp_wire_make_files(arena, finish->files, finish->n_files);
    return split->generated_files != NULL;
}

static bool fill_encode(struct avsp_arena *arena, const struct avsp_finish *finish,
                        Com__Avspl1t__FinishTaskMessage *msg)
{
    Com__Avspl1t__EncodeVideoFinishMessage *encode =
        avsp_wire_new(arena, &com__avspl1t__encode_video_finish_message__descriptor);
    if (encode == NULL)
        return false;
    msg->additional_details_case =
        COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_ENCODE_VIDEO_FINISH_MESSAGE;
    msg->encode_video_finish_message = encode;
    return finish->n_files == 0 ||
           avsp_wire_make_file(arena, finish->files, &encode->generated_file);
}

static bool fill_manifest(struct avsp_arena *arena, const struct avsp_finish *finish,
                          Com__Avspl1t__FinishTaskMessage *msg)
{
    Com__Avspl1t__GenerateManifestFinishMessage *manifest =
        avsp_wire_new(arena, &com__avspl1t__generate_manifest_finish_message__descriptor);
    if (manifest == NULL)
        return false;
    msg->additional_details_case =
        COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_GENERATE_MANIFEST_FINISH_MESSAGE;
    msg->generate_manifest_finish_message = manifest;
    return finish->n_files == 0 ||
           avsp_wire_make_file(arena, finish->files, &manifest->generated_file);
}

static bool fill_files(struct avsp_arena *arena, const struct avsp_finish *finish,
                       Com__Avspl1t__FinishTaskMessage *msg)
{
    switch (finish->files_kind) {
    case AVSP_TASK_SPLIT:
        return fill_split(arena, finish, msg);
    case AVSP_TASK_ENCODE:
        return fill_encode(arena, finish, msg);
    case AVSP_TASK_MANIFEST:
        return fill_manifest(arena, finish, msg);
    default:
        return true;
    }
}

Com__Avspl1t__FinishTaskMessage *avsp_wire_make_finish(struct avsp_arena *arena,
                                                       const struct avsp_finish *finish)
{
    Com__Avspl1t__FinishTaskMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__finish_task_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->worker_id = (char *)finish->worker_id;
    msg->task_id = (char *)finish->task_id;
    msg->succeeded = finish->succeeded;
    if (finish->token.attempt != 0) { // a base coordinator's task has none
        msg->token = avsp_wire_make_token(arena, finish->token);
        if (msg->token == NULL)
            return NULL;
    }
    msg->outputs = avsp_wire_make_outputs(arena, &finish->outputs);
    if (msg->outputs == NULL || !fill_files(arena, finish, msg))
        return NULL;
    if (finish->succeeded)
        return msg;
    msg->input_gone = finish->input_gone;
    msg->failure = avsp_wire_make_failure(arena, &finish->failure);
    return msg->failure != NULL ? msg : NULL;
}

static enum avsp_code read_one(struct avsp_arena *arena, const char *field,
                               Com__Avspl1t__File *file, struct avsp_finish *finish,
                               struct avsp_err *err)
{
    finish->files = avsp_arena_alloc(arena, sizeof *finish->files);
    if (finish->files == NULL)
        return avsp_arena_failed(arena, err);
    avsp_wire_read_file(file, finish->files);
    finish->n_files = 1;
    if (finish->files->kind == AVSP_LOCATION_NONE)
        return avsp_err_set(err, AVSP_INVALID, "%s: missing", field);
    return AVSP_OK;
}

static enum avsp_code read_files(struct avsp_arena *arena,
                                 const Com__Avspl1t__FinishTaskMessage *msg,
                                 struct avsp_finish *finish, struct avsp_err *err)
{
    switch (msg->additional_details_case) {
    case COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_SPLIT_VIDEO_FINISH_MESSAGE: {
        const Com__Avspl1t__SplitVideoFinishMessage *split = msg->split_video_finish_message;
        finish->files_kind = AVSP_TASK_SPLIT;
        finish->n_files = split->n_generated_files;
        return avsp_wire_read_files(arena, "split_video_finish_message.generated_files",
                                    split->generated_files, split->n_generated_files,
                                    &finish->files, err);
    }
    case COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_ENCODE_VIDEO_FINISH_MESSAGE:
        finish->files_kind = AVSP_TASK_ENCODE;
        return read_one(arena, "encode_video_finish_message.generated_file",
                        msg->encode_video_finish_message->generated_file, finish, err);
    case COM__AVSPL1T__FINISH_TASK_MESSAGE__ADDITIONAL_DETAILS_GENERATE_MANIFEST_FINISH_MESSAGE:
        finish->files_kind = AVSP_TASK_MANIFEST;
        return read_one(arena, "generate_manifest_finish_message.generated_file",
                        msg->generate_manifest_finish_message->generated_file, finish, err);
    default:
        return AVSP_OK;
    }
}

enum avsp_code avsp_wire_read_finish(struct avsp_arena *arena,
                                     const Com__Avspl1t__FinishTaskMessage *msg,
                                     struct avsp_finish *ret_finish, struct avsp_err *err)
{
    struct avsp_finish finish = {
        .worker_id = msg->worker_id,
        .task_id = msg->task_id,
        .succeeded = msg->succeeded,
        .failure = {AVSP_OK, false, "", ""},
        .input_gone = msg->input_gone,
    };
    enum avsp_code rc = avsp_wire_read_token(msg->token, &finish.token, err);
    if (rc == AVSP_OK)
        rc = avsp_wire_read_outputs(arena, msg->outputs, &finish.outputs, err);
    if (rc == AVSP_OK && msg->succeeded)
        rc = read_files(arena, msg, &finish, err);
    if (rc != AVSP_OK)
        return rc;
    if (!msg->succeeded) // files of a failure mean nothing, and a base worker may send an empty message
        avsp_wire_read_failure(msg->failure, &finish.failure);
    *ret_finish = finish;
    return AVSP_OK;
}
