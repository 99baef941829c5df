/// The pure parts of the S3 client: signatures against Amazon's published examples, addresses, texts, profiles.
#include "storage/s3_address.h"
#include "storage/s3_endpoint.h"
#include "storage/s3_fields.h"
#include "storage/s3_ini.h"
#include "storage/s3_md5.h"
#include "storage/s3_sign.h"
#include "storage/s3_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

// "Authenticating Requests: Using the Authorization Header", Examples, in Amazon's S3 API reference.
#define KEY_ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define HOST "examplebucket.s3.amazonaws.com"
#define MAY_24_2013 1369353600

static struct avsp_arena arena;

static int setup(void **state)
{
    (void)state;
    avsp_arena_init(&arena, 4 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avsp_arena_deinit(&arena);
    return 0;
}

static struct avsp_s3_request request(const char *method, const char *path)
{
    return (struct avsp_s3_request){.method = method,
                                    .host = HOST,
                                    .path = path,
                                    .payload_sha256 = AVSP_S3_EMPTY_SHA256,
                                    .region = "us-east-1",
                                    .service = "s3",
                                    .time_s = MAY_24_2013};
}

static const struct avsp_s3_keys keys = {KEY_ID, SECRET, ""};

static void expect_signed(struct avsp_s3_request r, const char *names, const char *signature)
{
    struct avsp_err err = {0};
    char want[1024];
    snprintf(want, sizeof want,
             "AWS4-HMAC-SHA256 Credential=" KEY_ID
             "/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
             names, signature);
    assert_int_equal(avsp_s3_sign(&r, &keys, &arena, &err), AVSP_OK);
    assert_string_equal(r.headers[r.n_headers - 1].name, "authorization");
    assert_string_equal(r.headers[r.n_headers - 1].value, want);
}

static void signatures_are_those_of_the_examples(void **state)
{
    (void)state;
    struct avsp_s3_request get = request("GET", "/test.txt");
    get.headers[get.n_headers++] = (struct avsp_s3_pair){"range", "bytes=0-9"};
    expect_signed(get, "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    struct avsp_s3_request put = request("PUT", "/test%24file.text");
    put.payload_sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    put.headers[put.n_headers++] =
        (struct avsp_s3_pair){"x-amz-storage-class", "REDUCED_REDUNDANCY"};
    put.headers[put.n_headers++] = (struct avsp_s3_pair){"date", "Fri, 24 May 2013 00:00:00 GMT"};
    expect_signed(put, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    struct avsp_s3_request lifecycle = request("GET", "/");
    lifecycle.params[lifecycle.n_params++] = (struct avsp_s3_pair){"lifecycle", ""};
    expect_signed(lifecycle, "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    struct avsp_s3_request list = request("GET", "/");
    list.params[list.n_params++] = (struct avsp_s3_pair){"prefix", "J"};
    list.params[list.n_params++] = (struct avsp_s3_pair){"max-keys", "2"};
    expect_signed(list, "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_url_is_presigned_as_in_the_example(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_s3_request r = request("GET", "/test.txt");
    const char *query = NULL;
    assert_int_equal(avsp_s3_presign(&r, &keys, 86400, &arena, &query, &err), AVSP_OK);
    assert_string_equal(query,
                        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY_ID
                        "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
                        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void tokens_are_signed_and_strangers_sign_nothing(void **state)
{
    (void)state;
    struct avsp_err err = {0};
    struct avsp_s3_request r = request("GET", "/");
    const struct avsp_s3_keys with_token = {KEY_ID, SECRET, "a token"};
    assert_int_equal(avsp_s3_sign(&r, &with_token, &arena, &err), AVSP_OK);
    assert_non_null(strstr(r.headers[r.n_headers - 1].value,
                           "host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    struct avsp_s3_request plain = request("GET", "/");
    const struct avsp_s3_keys none = {"", "", ""};
    assert_int_equal(avsp_s3_sign(&plain, &none, &arena, &err), AVSP_OK);
    assert_int_equal(plain.n_headers, 0);
}

static void queries_are_sorted_by_encoded_names(void **state)
{
    (void)state;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 1 << 16);
    const struct avsp_s3_pair params[] = {{"b", "1"}, {"a-", "+ /~é"}, {"a", "2"}, {"a", "1"}};
    avsp_s3_query(&buf, params, AVSP_ARRAY_LEN(params), &arena);
    assert_string_equal(avsp_buf_text(&buf), "a=1&a=2&a-=%2B%20%2F~%C3%A9&b=1");
}

static void expect_address(const char *endpoint, enum avsp_s3_style style, const char *bucket,
                           const char *key, const char *want)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) host, path, all;
    struct avsp_s3_endpoint e;
    struct avsp_err err = {0};
    avsp_buf_init(&host, 1 << 16);
    avsp_buf_init(&path, 1 << 16);
    avsp_buf_init(&all, 1 << 16);
    if (endpoint[0] == '\0')
        avsp_s3_endpoint_amazon("eu-north-1", &e);
    else
        assert_int_equal(avsp_s3_endpoint_parse(endpoint, &e, &err), AVSP_OK);
    assert_int_equal(avsp_s3_endpoint_address(&e, style, bucket, key, &host, &path, &err), AVSP_OK);
    avsp_buf_printf(&all, "%s://%s%s", e.tls ? "https" : "http", avsp_buf_text(&host),
                    avsp_buf_text(&path));
    assert_string_equal(avsp_buf_text(&all), want);
}

static void addresses_have_the_style_that_fits(void **state)
{
    (void)state;
    const enum avsp_s3_style fits = AVSP_S3_STYLE_AUTO, path = AVSP_S3_STYLE_PATH,
                             host = AVSP_S3_STYLE_VIRTUAL;
    expect_address("", fits, "films", "a b+c%é/x",
                   "https://films.s3.eu-north-1.amazonaws.com/"
                   "a%20b%2Bc%25%C3%A9/x");
    expect_address("", fits, "my.films", "k", "https://s3.eu-north-1.amazonaws.com/my.films/k");
    expect_address("", path, "films", "k", "https://s3.eu-north-1.amazonaws.com/films/k");
    expect_address("films.s3.amazonaws.com", fits, "films", "k",
                   "https://films.s3.amazonaws.com/k");
    expect_address("minio.example", fits, "films", "k", "https://minio.example/films/k");
    expect_address("http://minio.example:9000", fits, "minio", "film/out",
                   "http://minio.example:9000/minio/film/out");
    expect_address("films.minio.example", host, "films", "k", "https://films.minio.example/k");
    expect_address("HTTP://Minio.example:80/", fits, "films", "", "http://minio.example/films");
    expect_address("http://minio.example:9000", host, "films", "/k//",
                   "http://films.minio.example:9000//k//");
    expect_address("https://[::1]:7480", fits, "films", "./../k",
                   "https://[::1]:7480/films/./../k");
    expect_address("https://s3.cn-north-1.amazonaws.com.cn", fits, "films", "k",
                   "https://films.s3.cn-north-1.amazonaws.com.cn/k");
}

static void what_is_no_endpoint_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "http://", "ftp://h",      "h:0",        "h:99999",
        "h:x", "user@h",  "h/bucket",     "http://h?x", "[::1",
        "h h", "[x]",     "http://a:b@h", "h:80:80",    "https://:443"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_s3_endpoint e;
        struct avsp_err err = {0};
        if (avsp_s3_endpoint_parse(bad[i], &e, &err) != AVSP_INVALID)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void hosts_of_others_are_not_amazons(void **state)
{
    (void)state;
    static const char *const its[] = {"s3.amazonaws.com",
                                      "s3.eu-north-1.amazonaws.com",
                                      "films.s3.eu-north-1.amazonaws.com",
                                      "s3-us-west-2.amazonaws.com",
                                      "s3-fips.dualstack.us-east-1.amazonaws.com",
                                      "bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com",
                                      "s3.cn-north-1.amazonaws.com.cn"};
    static const char *const others[] = {
        "ec2-192-0-2-1.compute-1.amazonaws.com", "ec2-192-0-2-1.eu-north-1.compute.amazonaws.com",
        "s3-1.eu-north-1.elb.amazonaws.com",     "a1.execute-api.eu-north-1.amazonaws.com",
        "s3.amazonaws.com.evil.example",         "amazonaws.com"};
    struct avsp_s3_endpoint e;
    struct avsp_err err = {0};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(its) + AVSP_ARRAY_LEN(others); i++) {
        bool is_its = i < AVSP_ARRAY_LEN(its);
        const char *host = is_its ? its[i] : others[i - AVSP_ARRAY_LEN(its)];
        assert_int_equal(avsp_s3_endpoint_parse(host, &e, &err), AVSP_OK);
        if (avsp_s3_endpoint_is_amazon(&e) != is_its)
            fail_msg("%s", host);
    }
}

static bool covers(const char *entry, const char *endpoint, const char *bucket)
{
    struct avsp_s3_allowed allowed;
    struct avsp_s3_endpoint e;
    struct avsp_err err = {0};
    assert_int_equal(avsp_s3_allowed_parse(entry, &allowed, &err), AVSP_OK);
    assert_int_equal(avsp_s3_endpoint_parse(endpoint, &e, &err), AVSP_OK);
    return avsp_s3_allowed_covers(&allowed, &e, bucket);
}

static void what_is_allowed_is_matched_whole(void **state)
{
    (void)state;
    assert_true(covers("http://h:9000", "http://H:9000/", "any"));
    assert_true(covers("http://h:9000/films", "http://h:9000", "films"));
    assert_false(covers("http://h:9000/films", "http://h:9000", "films2"));
    assert_false(covers("http://h:9000", "https://h:9000", "films"));
    assert_false(covers("http://h:9000", "http://h:9001", "films"));
    assert_false(covers("h", "h.evil.example", "films"));
    assert_true(covers("s3.amazonaws.com/films", "https://s3.eu-north-1.amazonaws.com", "films"));
    assert_false(covers("s3.amazonaws.com", "https://amazonaws.com.evil.example", "films"));
}

static bool is_forbidden(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return avsp_s3_address_is_forbidden((const struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return avsp_s3_address_is_forbidden((const struct sockaddr *)&v6, sizeof v6);
}

static void surroundings_are_no_store(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "169.254.169.254", "169.254.0.1",     "169.254.170.2",      "::ffff:169.254.169.254",
        "fe80::1",         "febf::1",         "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "fd00:ec2::254",   "100.100.100.200", "168.63.129.16",      "::169.254.169.254"};
    static const char *const good[] = {
        "127.0.0.1", "::1",         "10.0.0.1",         "169.253.1.1",
        "fec0::1",   "2001:db8::1", "::ffff:127.0.0.1", "100.100.100.201"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++)
        if (!is_forbidden(bad[i]))
            fail_msg("%s was let through", bad[i]);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(good); i++)
        if (is_forbidden(good[i]))
            fail_msg("%s was refused", good[i]);
}

static struct avsp_s3_span span(const char *text)
{
    return (struct avsp_s3_span){text, strlen(text)};
}

static void answers_are_read(void **state)
{
    (void)state;
    struct avsp_s3_span at = span(
        "<L xmlns='x'><Code>A</Code><C><Key>a&amp;b&lt;</Key></C><C><Key>two</Key></C><C/></L>");
    assert_string_equal(avsp_s3_xml_text(&arena, at, "Code"), "A");
    assert_string_equal(avsp_s3_xml_text(&arena, at, "None"), "");
    struct avsp_s3_span one = avsp_s3_xml_next(&at, "C"), two = avsp_s3_xml_next(&at, "C");
    assert_string_equal(avsp_s3_xml_text(&arena, one, "Key"), "a&b<");
    assert_string_equal(avsp_s3_xml_text(&arena, two, "Key"), "two");
    assert_null(avsp_s3_xml_next(&at, "C").text);
    char text[] = "a%20b%2Fc%zz%00%e9%";
    avsp_s3_decode(text);
    assert_string_equal(text, "a b/c%zz%00\xe9%");
    struct avsp_s3_span json =
        span("{ \"Code\" : \"Success\", \"Token\":\"a\\/b\\\"c\", \"N\": 3}");
    assert_string_equal(avsp_s3_json_text(&arena, json, "Token"), "a/b\"c");
    assert_string_equal(avsp_s3_json_text(&arena, json, "N"), "");
    assert_int_equal(avsp_s3_time("2013-05-24T00:00:00.000Z"), MAY_24_2013);
    assert_int_equal(avsp_s3_time("Fri, 24 May 2013 00:00:00 GMT"), MAY_24_2013);
    assert_int_equal(avsp_s3_time("yesterday"), 0);
}

static void profiles_are_read(void **state)
{
    (void)state;
    static const char text[] = "; comment\n[default]\nregion = eu-north-1\n\n[ profile  films ]\r\n"
                               "endpoint_url=http://h:1\r\ns3 =\n  endpoint_url = http://h:2\n"
                               "  addressing_style = path\noutput = json\n[services x]\ns3 = \n"
                               "\tendpoint_url = http://h:3\n# end";
    assert_string_equal(avsp_s3_ini_value(&arena, text, "default", "region"), "eu-north-1");
    assert_string_equal(avsp_s3_ini_value(&arena, text, "profile films", "region"), "");
    assert_string_equal(avsp_s3_ini_value(&arena, text, "profile films", "endpoint_url"),
                        "http://h:1");
    assert_string_equal(avsp_s3_ini_value(&arena, text, "profile films", "s3.endpoint_url"),
                        "http://h:2");
    assert_string_equal(avsp_s3_ini_value(&arena, text, "profile films", "output"), "json");
    assert_string_equal(avsp_s3_ini_value(&arena, text, "services x", "s3.endpoint_url"),
                        "http://h:3");
    assert_true(avsp_s3_ini_has(text, "services x"));
    assert_false(avsp_s3_ini_has(text, "services"));
}

static void md5_of_many_is_that_of_each(void **state)
{
    (void)state;
    static unsigned char bytes[200000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    int fd = memfd_create("sums", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    struct avsp_s3_md5 *one = avsp_s3_md5_new();
    assert_non_null(one);
    // Around what a block and its padding hold, and what is in memory at once; the last one shorter or as long, some lanes idle.
    static const size_t steps[] = {1, 55, 56, 63, 64, 65, 119, 128, 4095, 8128, 8192, 16384, 16385};
    static const size_t tens[] = {10, 11, 35, 79, 160}; // of a step
    for (size_t i = 0; i < AVSP_ARRAY_LEN(steps); i++)
        for (size_t k = 0; k < AVSP_ARRAY_LEN(tens); k++) {
            const size_t step = steps[i], from = 7, len = (step * tens[k] + 9) / 10;
            unsigned char sums[AVSP_S3_MD5_LANES][AVSP_S3_MD5_BYTES], wanted[AVSP_S3_MD5_BYTES];
            struct avsp_err err = {0};
            if (from + len > sizeof bytes)
                continue;
            assert_int_equal(avsp_s3_md5_lanes(fd, from, step, from + len, sums, &err), AVSP_OK);
            for (size_t at = 0; at < len; at += step) {
                avsp_s3_md5_add(one, bytes + from + at, AVSP_MIN(step, len - at));
                avsp_s3_md5_end(one, wanted);
                assert_memory_equal(sums[at / step], wanted, sizeof wanted);
            }
        }
    struct avsp_err err = {0};
    unsigned char sums[AVSP_S3_MD5_LANES][AVSP_S3_MD5_BYTES];
    assert_int_equal(avsp_s3_md5_lanes(fd, 0, sizeof bytes, sizeof bytes + 1, sums, &err),
                     AVSP_INTERNAL);
    avsp_s3_md5_free(one);
    close(fd);
}

static struct avsp_s3_reply reply_of(const char *const *lines, size_t n)
{
    struct avsp_s3_reply reply = {0};
    for (size_t i = 0; i < n; i++)
        if (!avsp_s3_field(&reply, lines[i], strlen(lines[i])))
            fail_msg("%s was refused", lines[i]);
    return reply;
}

static void header_fields_are_read(void **state)
{
    (void)state;
    static const char *const lines[] = {"HTTP/1.1 100 Continue\r\n",
                                        "ETag: \"old\"\r\n",
                                        "\r\n",
                                        "HTTP/1.1 206 Partial Content\r\n",
                                        "eTag:  \"0123\x01\"  \r\n",
                                        "Content-Length: 100\r\n",
                                        "CONTENT-RANGE: bytes 900-999/1000\r\n",
                                        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                                        "x-amz-request-id: tx1\r\n",
                                        "no field at all\r\n"};
    struct avsp_s3_reply reply = reply_of(lines, AVSP_ARRAY_LEN(lines));
    assert_int_equal(reply.status, 206);
    assert_string_equal(reply.etag, "\"0123?\"");
    assert_int_equal(reply.length, 100);
    assert_true(reply.has_range);
    assert_int_equal(reply.range_from, 900);
    assert_int_equal(reply.range_total, 1000);
    assert_int_equal(reply.date_s, 784111777);
    assert_string_equal(reply.request_id, "tx1");
}

/// Whatever stands first, and whether or not the store says what time it is.
static void waits_are_as_long_as_the_store_says(void **state)
{
    (void)state;
    static const char *const seconds[] = {"Retry-After: 7"};
    static const char *const date_first[] = {"Date: Sun, 06 Nov 1994 08:49:37 GMT",
                                             "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT"};
    static const char *const date_last[] = {"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT",
                                            "Date: Sun, 06 Nov 1994 08:49:37 GMT"};
    static const char *const past[] = {"Retry-After: Sun, 06 Nov 1994 08:49:07 GMT"};
    static const char *const nonsense[] = {"Retry-After: soon"};
    struct avsp_s3_reply reply = reply_of(seconds, 1);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111700), 7);
    reply = reply_of(date_first, 2);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111700), 10);
    reply = reply_of(date_last, 2);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111700), 10);
    reply = reply_of(date_last, 1);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111700), 87);
    reply = reply_of(past, 1);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111777), 0);
    reply = reply_of(nonsense, 1);
    assert_int_equal(avsp_s3_wait_s(&reply, 784111777), 0);
}

static void sizes_that_no_object_has_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"Content-Length: 18446744073709551615",
                                        "Content-Length: -1",
                                        "Content-Length: 99999999999999999999",
                                        "Content-Length: many",
                                        "Content-Range: bytes 0-99/18446744073709551615",
                                        "Content-Range: bytes 0-99/99",
                                        "Content-Range: bytes 9-8/99",
                                        "Content-Range: bytes -1-8/99",
                                        "Content-Range: bytes 0-8/*"};
    struct avsp_s3_reply reply = {0};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lines); i++)
        if (avsp_s3_field(&reply, lines[i], strlen(lines[i])))
            fail_msg("%s was taken", lines[i]);
    assert_true(avsp_s3_field(&reply, "Content-Range: bytes */1000", 27));
    assert_false(reply.has_range);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_examples),
        cmocka_unit_test(a_url_is_presigned_as_in_the_example),
        cmocka_unit_test(tokens_are_signed_and_strangers_sign_nothing),
        cmocka_unit_test(queries_are_sorted_by_encoded_names),
        cmocka_unit_test(addresses_have_the_style_that_fits),
        cmocka_unit_test(hosts_of_others_are_not_amazons),
        cmocka_unit_test(what_is_no_endpoint_is_refused),
        cmocka_unit_test(what_is_allowed_is_matched_whole),
        cmocka_unit_test(surroundings_are_no_store),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(profiles_are_read),
        cmocka_unit_test(header_fields_are_read),
        cmocka_unit_test(waits_are_as_long_as_the_store_says),
        cmocka_unit_test(sizes_that_no_object_has_are_refused),
        cmocka_unit_test(md5_of_many_is_that_of_each),
    };
    return cmocka_run_group_tests_name("storage: S3, its parts", tests, setup, teardown);
}
