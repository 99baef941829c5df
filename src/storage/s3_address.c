#include "storage/s3_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool is_forbidden_v4(const unsigned char *a)
{
    static const unsigned char services[][4] = {
        {100, 100, 100, 200}, // Alibaba Cloud
        {168, 63, 129, 16},   // Azure
        {192, 0, 0, 192},     // Oracle Cloud
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(services); i++)
        if (memcmp(a, services[i], 4) == 0)
            return true;
    return a[0] == 169 && a[1] == 254;
}

static bool is_forbidden_v6(const unsigned char *a)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; // ::ffff:0:0/96
    static const unsigned char compatible[12] = {0};                    // ::/96
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};    // 64:ff9b::/96, RFC 6052
    static const unsigned char amazon[8] = {0xfd, 0x00, 0x0e, 0xc2};    // fd00:ec2::/64
    static const unsigned char google[8] = {0xfd, 0x20, 0x00, 0xce};    // fd20:ce::/64
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 || memcmp(a, compatible, 12) == 0)
        return is_forbidden_v4(a + 12);
    if (a[0] == 0x20 && a[1] == 0x02) // 6to4, RFC 3056
        return is_forbidden_v4(a + 2);
    return (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || memcmp(a, amazon, 8) == 0 ||
           memcmp(a, google, 8) == 0;
}

bool avsp_s3_address_is_forbidden(const struct sockaddr *address, size_t len)
{
    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return is_forbidden_v4((const unsigned char *)&v4.sin_addr);
    }
    if (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return is_forbidden_v6((const unsigned char *)&v6.sin6_addr);
    }
    return true;
}
