/// What has been learnt of where buckets are.
#include "storage/s3_private.h"

#include <string.h>

struct avsp_s3_place avsp_s3_recall(struct avsp_s3 *s3, const char *key)
{
    struct avsp_s3_place known = {0};
    pthread_mutex_lock(&s3->lock);
    for (const struct avsp_s3_place *p = s3->places; p != NULL; p = p->next)
        if (strcmp(p->key, key) == 0)
            known = *p;
    pthread_mutex_unlock(&s3->lock);
    return known;
}

void avsp_s3_remember(struct avsp_s3 *s3, const char *key, const struct avsp_s3_place *known)
{
    pthread_mutex_lock(&s3->lock);
    struct avsp_s3_place *p = s3->places;
    while (p != NULL && strcmp(p->key, key) != 0)
        p = p->next;
    if (p == NULL && (p = calloc(1, sizeof *p)) != NULL) {
        p->key = strdup(key);
        p->next = s3->places;
        if (p->key != NULL)
            s3->places = p;
        else
            free(p), p = NULL;
    }
    if (p != NULL) {
        snprintf(p->region, sizeof p->region, "%s", known->region);
        p->is_led = known->is_led;
        p->led_to = known->led_to;
        p->skew_s = known->skew_s;
    }
    pthread_mutex_unlock(&s3->lock);
}

const char *avsp_s3_find_place(const struct avsp_s3_target *target,
                               const struct avsp_s3_place *known,
                               struct avsp_s3_endpoint *ret_endpoint)
{
    const char *region = known->region[0] != '\0' ? known->region : target->region;
    if (region[0] == '\0')
        region = AVSP_S3_REGION_DEFAULT;
    *ret_endpoint = known->is_led ? known->led_to : target->endpoint;
    if (!known->is_led && target->asked[0] == '\0')
        avsp_s3_endpoint_amazon(region, ret_endpoint);
    return region;
}

const char *avsp_s3_place_key(struct avsp_arena *arena, const struct avsp_s3_target *target,
                              const char *bucket)
{
    return avsp_arena_printf(arena, "%s %s", target->asked, bucket);
}

enum avsp_code avsp_s3_where(struct avsp_s3 *s3, const struct avsp_s3_target *target,
                             const char *bucket, struct avsp_arena *arena,
                             struct avsp_s3_endpoint *ret_endpoint, const char **ret_region,
                             struct avsp_err *err)
{
    const char *key = avsp_s3_place_key(arena, target, bucket);
    if (key == NULL)
        return avsp_arena_failed(arena, err);
    const struct avsp_s3_place known = avsp_s3_recall(s3, key);
    *ret_region = avsp_arena_strdup(arena, avsp_s3_find_place(target, &known, ret_endpoint));
    return *ret_region != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}
