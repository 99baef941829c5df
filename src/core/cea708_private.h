/// One service of CEA-708: what its bytes make of its windows, and what is to be read in these. Shared by cea708*.c alone.
///
///     cea708.c          packets, service blocks, and when what is delayed is read
///     cea708_service.c  codes → windows
///     cea708_shown.c    windows → captions
#ifndef AVSP_CORE_CEA708_PRIVATE_H
#define AVSP_CORE_CEA708_PRIVATE_H

#include "core/cea708.h"

#define AVSP_CEA708_WINDOWS 8
#define AVSP_CEA708_ROWS 15
#define AVSP_CEA708_DELAYED_BYTES 128 ///< CTA-708-E, 8.10.5.15: a service's input buffer
#define AVSP_CEA708_DEFINITION_BYTES 6

struct avsp_cea708_window {
    bool exists;
    bool visible;
    uint8_t definition[AVSP_CEA708_DEFINITION_BYTES]; ///< as it came
    unsigned n_rows;                                  ///< 1 to AVSP_CEA708_ROWS
    unsigned row;                                     ///< of the pen, < n_rows
    unsigned column;                                  ///< of the pen, up to AVSP_CAPTION_CELLS_MAX
    unsigned style;                                   ///< of the pen
    bool hidden;                                      ///< what the pen writes is not to be shown
    struct avsp_caption_cell rows[AVSP_CEA708_ROWS][AVSP_CAPTION_CELLS_MAX];
};

enum avsp_cea708_part {
    AVSP_CEA708_TOP,
    AVSP_CEA708_MIDDLE,
    AVSP_CEA708_BOTTOM,
    AVSP_CEA708_PARTS,
};

/// What can be read in a part of the screen.
struct avsp_cea708_shown {
    struct avsp_caption_text text; ///< empty = nothing
    int64_t start_us;
    int64_t written_us; ///< when its last letter came
    bool is_kept;       ///< its window moved on, but nothing new was written yet
};

struct avsp_cea708_service {
    unsigned number;
    struct avsp_cea708_window windows[AVSP_CEA708_WINDOWS];
    unsigned current; ///< window; AVSP_CEA708_WINDOWS = none
    struct avsp_cea708_shown shown[AVSP_CEA708_PARTS];
    bool has_changed; ///< a command changed what is visible since that was looked at,
    bool has_grown;   ///< … or letters did
    bool is_delayed;  ///< what comes waits
    int64_t resume_us;
    uint8_t delayed[AVSP_CEA708_DELAYED_BYTES];
    size_t n_delayed;
};

/// How many bytes a code takes, itself included; at least 1, and perhaps more than there are. @pre len > 0.
size_t avsp_cea708_code_length(const uint8_t *code, size_t len);

enum avsp_cea708_code {
    AVSP_CEA708_DELAY = 0x8d,
    AVSP_CEA708_DELAY_CANCEL = 0x8e,
    AVSP_CEA708_RESET = 0x8f,
    AVSP_CEA708_DEFINE = 0x98, ///< to 0x9f
};

/// Where what happens comes to light.
struct avsp_cea708_turn {
    struct avsp_cea708 *captions;
    struct avsp_cea708_service *service;
    int64_t now_us;
};

/// Does what a code says, which is whole, but for delays.
enum avsp_code avsp_cea708_do(const struct avsp_cea708_turn *turn, const uint8_t *code,
                              struct avsp_err *err) AVSP_CHECKED;

/// Looks at what can be read now: captions that are over are told of.
enum avsp_code avsp_cea708_look(const struct avsp_cea708_turn *turn,
                                struct avsp_err *err) AVSP_CHECKED;

/// The window goes to its next line: what is shown stays until something new is written, at least where it was shown for a while or a line is lost.
void avsp_cea708_keep(const struct avsp_cea708_turn *turn, const struct avsp_cea708_window *window,
                      bool loses_line);

/// All captions are over.
enum avsp_code avsp_cea708_close(const struct avsp_cea708_turn *turn,
                                 struct avsp_err *err) AVSP_CHECKED;

#endif
