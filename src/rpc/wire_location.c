#include "rpc/wire.h"

#include <string.h>

static void read_s3(const char *bucket, const char *path,
                    const Com__Avspl1t__S3Credentials *credentials, struct avsp_location *ret)
{
    *ret = avsp_location_s3(bucket, path);
    if (credentials == NULL)
        return;
    ret->region = credentials->region;
    ret->endpoint = credentials->endpoint;
    ret->access_key_id = credentials->access_key_id;
    ret->secret_access_key.text = credentials->secret_access_key;
    ret->session_token.text = credentials->session_token;
    ret->anonymous = credentials->anonymous;
    if (credentials->style == COM__AVSPL1T__S3_STYLE__S3_STYLE_PATH)
        ret->style = AVSP_S3_STYLE_PATH;
    else if (credentials->style == COM__AVSPL1T__S3_STYLE__S3_STYLE_VIRTUAL)
        ret->style = AVSP_S3_STYLE_VIRTUAL;
}

static void read_fs(const char *path, struct avsp_location *ret)
{
    *ret = avsp_location_fs(path);
}

static void read_none(struct avsp_location *ret)
{
    *ret = avsp_location_none();
}

void avsp_wire_read_file(const Com__Avspl1t__File *msg, struct avsp_location *ret_file)
{
    if (msg != NULL && msg->file_case == COM__AVSPL1T__FILE__FILE_S3FILE)
        read_s3(msg->s3file->bucket, msg->s3file->path, msg->s3file->credentials, ret_file);
    else if (msg != NULL && msg->file_case == COM__AVSPL1T__FILE__FILE_FSFILE)
        read_fs(msg->fsfile->path, ret_file);
    else
        read_none(ret_file);
}

static void read_s3_folder(const Com__Avspl1t__S3Folder *msg, struct avsp_location *ret)
{
    read_s3(msg->bucket, msg->path, msg->credentials, ret);
    ret->cache_control = msg->cache_control;
}

void avsp_wire_read_folder(const Com__Avspl1t__Folder *msg, struct avsp_location *ret_folder)
{
    if (msg != NULL && msg->folder_case == COM__AVSPL1T__FOLDER__FOLDER_S3FOLDER)
        read_s3_folder(msg->s3folder, ret_folder);
    else if (msg != NULL && msg->folder_case == COM__AVSPL1T__FOLDER__FOLDER_FSFOLDER)
        read_fs(msg->fsfolder->path, ret_folder);
    else
        read_none(ret_folder);
}

static Com__Avspl1t__S3Credentials *make_credentials(struct avsp_arena *arena,
                                                     const struct avsp_location *loc)
{
    Com__Avspl1t__S3Credentials *msg =
        avsp_wire_new(arena, &com__avspl1t__s3_credentials__descriptor);
    if (msg == NULL)
        return NULL;
    msg->region = (char *)loc->region;
    msg->endpoint = (char *)loc->endpoint;
    msg->access_key_id = (char *)loc->access_key_id;
    msg->secret_access_key = (char *)loc->secret_access_key.text;
    msg->session_token = (char *)loc->session_token.text;
    msg->style = (Com__Avspl1t__S3Style)loc->style;
    msg->anonymous = loc->anonymous;
    return msg;
}

static bool fill_s3file(struct avsp_arena *arena, const struct avsp_location *file,
                        Com__Avspl1t__File *msg)
{
    msg->s3file = avsp_wire_new(arena, &com__avspl1t__s3_file__descriptor);
    if (msg->s3file == NULL)
        return false;
    msg->file_case = COM__AVSPL1T__FILE__FILE_S3FILE;
    msg->s3file->bucket = (char *)file->bucket;
    msg->s3file->path = (char *)file->path;
    msg->s3file->credentials = make_credentials(arena, file);
    return msg->s3file->credentials != NULL;
}

static bool fill_fsfile(struct avsp_arena *arena, const struct avsp_location *file,
                        Com__Avspl1t__File *msg)
{
    msg->fsfile = avsp_wire_new(arena, &com__avspl1t__fsfile__descriptor);
    if (msg->fsfile == NULL)
        return false;
    msg->file_case = COM__AVSPL1T__FILE__FILE_FSFILE;
    msg->fsfile->path = (char *)file->path;
    return true;
}

bool avsp_wire_make_file(struct avsp_arena *arena, const struct avsp_location *file,
                         Com__Avspl1t__File **ret_msg)
{
    *ret_msg = NULL;
    if (file->kind == AVSP_LOCATION_NONE)
        return true;
    Com__Avspl1t__File *msg = avsp_wire_new(arena, &com__avspl1t__file__descriptor);
    if (msg == NULL)
        return false;
    *ret_msg = msg;
    return file->kind == AVSP_LOCATION_S3 ? fill_s3file(arena, file, msg)
                                          : fill_fsfile(arena, file, msg);
}

static bool fill_s3folder(struct avsp_arena *arena, const struct avsp_location *folder,
                          Com__Avspl1t__Folder *msg)
{
    msg->s3folder = avsp_wire_new(arena, &com__avspl1t__s3_folder__descriptor);
    if (msg->s3folder == NULL)
        return false;
    msg->folder_case = COM__AVSPL1T__FOLDER__FOLDER_S3FOLDER;
    msg->s3folder->bucket = (char *)folder->bucket;
    msg->s3folder->path = (char *)folder->path;
    msg->s3folder->cache_control = (char *)folder->cache_control;
    msg->s3folder->credentials = make_credentials(arena, folder);
    return msg->s3folder->credentials != NULL;
}

static bool fill_fsfolder(struct avsp_arena *arena, const struct avsp_location *folder,
                          Com__Avspl1t__Folder *msg)
{
    msg->fsfolder = avsp_wire_new(arena, &com__avspl1t__fsfolder__descriptor);
    if (msg->fsfolder == NULL)
        return false;
    msg->folder_case = COM__AVSPL1T__FOLDER__FOLDER_FSFOLDER;
    msg->fsfolder->path = (char *)folder->path;
    return true;
}

bool avsp_wire_make_folder(struct avsp_arena *arena, const struct avsp_location *folder,
                           Com__Avspl1t__Folder **ret_msg)
{
    *ret_msg = NULL;
    if (folder->kind == AVSP_LOCATION_NONE)
        return true;
    Com__Avspl1t__Folder *msg = avsp_wire_new(arena, &com__avspl1t__folder__descriptor);
    if (msg == NULL)
        return false;
    *ret_msg = msg;
    return folder->kind == AVSP_LOCATION_S3 ? fill_s3folder(arena, folder, msg)
                                            : fill_fsfolder(arena, folder, msg);
}

enum avsp_code avsp_wire_read_files(struct avsp_arena *arena, const char *field,
                                    Com__Avspl1t__File *const *msgs, size_t n,
                                    struct avsp_location **ret_files, struct avsp_err *err)
{
    struct avsp_location *files = avsp_arena_array(arena, n, sizeof *files);
    if (files == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < n; i++) {
        avsp_wire_read_file(msgs[i], &files[i]);
        if (files[i].kind == AVSP_LOCATION_NONE)
            return avsp_err_set(err, AVSP_INVALID, "%s[%zu]: missing", field, i);
    }
    *ret_files = files;
    return AVSP_OK;
}

Com__Avspl1t__File **avsp_wire_make_files(struct avsp_arena *arena,
                                          const struct avsp_location *files, size_t n)
{
    Com__Avspl1t__File **msgs = avsp_arena_array(arena, n, sizeof *msgs);
    for (size_t i = 0; msgs != NULL && i < n; i++)
        if (!avsp_wire_make_file(arena, &files[i], &msgs[i]) || msgs[i] == NULL)
            return NULL;
    return msgs;
}
