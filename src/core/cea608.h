/// Captions of CEA-608 ("line 21"): the pairs of bytes of one field → what its two channels show, and when.
///
///     avsp_cea608_init(&field);
///     while (…)                                             // in order of presentation
///         if (avsp_cea608_put(&field, pair, now_us, &caption))
///             …                                             // it was shown until now
///     for (unsigned i = 0; i < AVSP_CEA608_CHANNELS; i++)
///         if (avsp_cea608_end(&field, i, end_us, &caption)) …
///
/// Pop-on captions are shown from the pair that flips the memories on, roll-up and paint-on ones from their first letter on; letters that
/// follow within a second belong to the same caption, so that none grows letter by letter. A caption ends when the screen is
/// erased or another one comes; a roll-up line with the first letter of the next one, for until then it is still to be read.
///
/// A control code that is repeated counts once. Text pages (T1, T2) and extended data services (XDS) are no captions. Bold is what CEA-608 does
/// not have; colors, and columns, are left out.
///
/// libavcodec's decoder (cc_dec, 5.1) takes both channels for one, does not know the backspace, begins paint-on captions where the last erasure
/// was, gives the last caption a made-up end and, of roll-up, not at all: hence this one.
///
/// Any bytes are safe. Pure; one thread at a time. Sources: CEA-608-E; 47 CFR 15.119.
#ifndef AVSP_CORE_CEA608_H
#define AVSP_CORE_CEA608_H

#include "core/caption_text.h"

#define AVSP_CEA608_CHANNELS 2 ///< of a field
#define AVSP_CEA608_ROWS 15
#define AVSP_CEA608_COLUMNS 32

struct avsp_cea608_screen {
    struct avsp_caption_cell rows[AVSP_CEA608_ROWS][AVSP_CEA608_COLUMNS];
};

struct avsp_cea608_channel {
    struct avsp_cea608_screen screens[2];
    unsigned front; ///< which of them is shown
    unsigned mode;
    bool paged; ///< what comes is for a text page
    unsigned row;
    unsigned column; ///< up to AVSP_CEA608_COLUMNS: the last one is full
    unsigned style;
    unsigned roll_rows;
    bool shown; ///< there is a caption …
    bool
        rolled; ///< … which is `before`, and stays until the next letter; else it is what the front screen holds
    int64_t start_us;
    int64_t written_us; ///< when its last letter came
    struct avsp_cea608_screen before;
};

struct avsp_cea608 {
    struct avsp_cea608_channel channels[AVSP_CEA608_CHANNELS];
    unsigned channel;   ///< that is spoken to
    unsigned last_code; ///< a control code that the next pair may repeat; 0 = none
    bool in_service;    ///< what comes belongs to XDS
    bool has_pages;     ///< there was text on a page (T1, T2)
    uint64_t n_damaged; ///< pairs with a parity error: left out
};

void avsp_cea608_init(struct avsp_cea608 *field);

/// Takes the next pair, with its parity bits. @return true: a caption is over.
bool avsp_cea608_put(struct avsp_cea608 *field, const uint8_t pair[2], int64_t now_us,
                     struct avsp_caption *ret_caption);

/// There is no more of a channel. @return true: a caption was shown until now.
bool avsp_cea608_end(struct avsp_cea608 *field, unsigned channel, int64_t now_us,
                     struct avsp_caption *ret_caption);

#endif
