#include "util/cli_text.h"

#include <string.h>

#define COLUMNS 80
#define LABEL_COLUMN 26 ///< where descriptions begin; a longer label stands on a line of its own
#define OPTION_INDENT 2

/// Columns of @p len bytes of UTF-8: one a code point is right for everything we print.
static size_t width_of(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static void put_indent(struct avsp_buf *buf, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        avsp_buf_puts(buf, " ");
}

/// Where a text is being written: which column comes next, and whether the line holds more than its indent.
struct flow {
    struct avsp_buf *buf;
    size_t indent;
    size_t column;
    bool line_empty;
};

static void flow_newline(struct flow *flow)
{
    avsp_buf_puts(flow->buf, "\n");
    flow->column = 0;
    flow->line_empty = true;
}

static void flow_word(struct flow *flow, const char *word, size_t len)
{
    size_t width = width_of(word, len);
    if (!flow->line_empty && flow->column + 1 + width > COLUMNS)
        flow_newline(flow);
    if (!flow->line_empty) {
        avsp_buf_puts(flow->buf, " ");
        flow->column++;
    } else if (flow->column < flow->indent) {
        put_indent(flow->buf, flow->indent - flow->column);
        flow->column = flow->indent;
    }
    avsp_buf_append(flow->buf, word, len);
    flow->column += width;
    flow->line_empty = false;
}

/// Writes words up to COLUMNS, beginning at column @p column of a line that is already begun. An empty line between
/// paragraphs stays; a line that begins with a space is an example and stays as it is.
static void put_wrapped(struct avsp_buf *buf, const char *text, size_t indent, size_t column)
{
    struct flow flow = {.buf = buf, .indent = indent, .column = column, .line_empty = true};
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        bool is_example = *text == ' ';
        if ((len == 0 || is_example) && !flow.line_empty)
            flow_newline(&flow);
        if (len == 0)
            avsp_buf_puts(buf, "\n");
        if (is_example) {
            put_indent(buf, indent);
            avsp_buf_append(buf, text, len);
            flow_newline(&flow);
        }
        for (size_t i = 0; !is_example && i < len;) {
            size_t n = strcspn(text + i, " \n");
            if (n > 0)
                flow_word(&flow, text + i, n);
            i += n + (text[i + n] == ' ');
        }
        text += len + (text[len] == '\n');
    }
    if (!flow.line_empty)
        flow_newline(&flow);
}

/// "  label      description", the description wrapped in its column.
static void put_entry(struct avsp_buf *buf, const char *label, const char *description)
{
    put_indent(buf, OPTION_INDENT);
    avsp_buf_puts(buf, label);
    size_t column = OPTION_INDENT + width_of(label, strlen(label));
    if (column + 2 > LABEL_COLUMN) {
        avsp_buf_puts(buf, "\n");
        column = 0;
    }
    put_indent(buf, LABEL_COLUMN - column);
    put_wrapped(buf, description, LABEL_COLUMN, LABEL_COLUMN);
}

/// The help of an option with its default and its variable behind it.
static void describe_option(const struct avsp_cli_option *option, struct avsp_buf *ret_text)
{
    avsp_buf_clear(ret_text);
    avsp_buf_puts(ret_text, option->help);
    if (option->repeats)
        avsp_buf_puts(ret_text, " May be given several times.");
    if (option->def != NULL && option->def[0] != '\0')
        avsp_buf_printf(ret_text, " Default: %s.", option->def);
    if (option->env != NULL)
        avsp_buf_printf(ret_text, " Also: %s.", option->env);
}

static void put_options(struct avsp_buf *buf, const struct avsp_cli_command *command)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) label;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&label, AVSP_CLI_TEXT_MAX_BYTES);
    avsp_buf_init(&text, AVSP_CLI_TEXT_MAX_BYTES);
    avsp_buf_puts(buf, "\nOptions:\n");
    for (size_t i = 0; i < command->n_options; i++) {
        const struct avsp_cli_option *option = &command->options[i];
        avsp_buf_clear(&label);
        avsp_buf_printf(&label, "--%s%s%s", option->name, option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");
        describe_option(option, &text);
        put_entry(buf, avsp_buf_text(&label), avsp_buf_text(&text));
    }
    put_entry(buf, "--help", "Print this text.");
    put_entry(buf, "--version", "Print the version.");
}

static void put_usage(struct avsp_buf *buf, const struct avsp_cli_program *program,
                      const struct avsp_cli_command *command)
{
    avsp_buf_printf(buf, "Usage: %s", program->name);
    if (command->name[0] != '\0')
        avsp_buf_printf(buf, " %s", command->name);
    if (command->n_options > 0)
        avsp_buf_puts(buf, " [OPTIONS]");
    if (command->arguments[0] != '\0')
        avsp_buf_printf(buf, " %s", command->arguments);
    avsp_buf_puts(buf, "\n\n");
}

/// What a program does without a command; NULL where it always takes one.
static const struct avsp_cli_command *plain_use(const struct avsp_cli_program *program)
{
    return program->commands[0].name[0] == '\0' ? &program->commands[0] : NULL;
}

static void put_command_list(struct avsp_buf *buf, const struct avsp_cli_program *program)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) label;
    avsp_buf_init(&label, AVSP_CLI_TEXT_MAX_BYTES);
    avsp_buf_puts(buf, "\nCommands:\n");
    for (size_t i = 0; i < program->n_commands; i++) {
        const struct avsp_cli_command *command = &program->commands[i];
        if (command == plain_use(program))
            continue;
        avsp_buf_clear(&label);
        avsp_buf_printf(&label, "%s%s%s", command->name, command->arguments[0] != '\0' ? " " : "",
                        command->arguments);
        put_entry(buf, avsp_buf_text(&label), command->summary);
    }
    avsp_buf_printf(buf, "\n\"%s help COMMAND\" tells more about one.\n", program->name);
}

void avsp_cli_help(const struct avsp_cli_program *program, const struct avsp_cli_command *command,
                   struct avsp_buf *buf)
{
    const struct avsp_cli_command *plain = plain_use(program);
    if (command == NULL)
        command = plain;
    if (command == NULL) {
        avsp_buf_printf(buf, "%s: ", program->name);
        put_wrapped(buf, program->summary, 0, strlen(program->name) + 2);
        avsp_buf_printf(buf, "\nUsage: %s COMMAND [OPTIONS] …\n\n", program->name);
        put_wrapped(buf, program->description, 0, 0);
        put_command_list(buf, program);
        return;
    }
    put_usage(buf, program, command);
    put_wrapped(buf, command == plain ? program->description : command->help, 0, 0);
    put_options(buf, command);
    if (command == plain && program->n_commands > 1)
        put_command_list(buf, program);
}

/// Text for roff: nothing in it may be taken for a request or an escape.
static void put_roff(struct avsp_buf *buf, const char *text)
{
    bool line_begins = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_begins && (*c == '.' || *c == '\''))
            avsp_buf_puts(buf, "\\&");
        line_begins = *c == '\n';
        if (*c == '\\')
            avsp_buf_puts(buf, "\\e");
        else if (*c == '-')
            avsp_buf_puts(buf, "\\-");
        else
            avsp_buf_append(buf, c, 1);
    }
}

/// Paragraphs for roff: an empty line begins a new one; an indented line stays as it is.
static void put_roff_paragraphs(struct avsp_buf *buf, const char *text)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, AVSP_CLI_TEXT_MAX_BYTES);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        bool is_example = *text == ' ';
        avsp_buf_clear(&line);
        avsp_buf_append(&line, text, len);
        if (len == 0)
            avsp_buf_puts(buf, ".PP\n");
        if (is_example)
            avsp_buf_puts(buf, ".EX\n");
        put_roff(buf, avsp_buf_text(&line));
        avsp_buf_puts(buf, len > 0 ? "\n" : "");
        if (is_example)
            avsp_buf_puts(buf, ".EE\n");
        text += len + (text[len] == '\n');
    }
}

static void put_roff_options(struct avsp_buf *buf, const struct avsp_cli_command *command)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_CLI_TEXT_MAX_BYTES);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct avsp_cli_option *option = &command->options[i];
        avsp_buf_puts(buf, ".TP\n\\fB\\-\\-");
        put_roff(buf, option->name);
        avsp_buf_puts(buf, "\\fR");
        if (option->value != NULL) {
            avsp_buf_puts(buf, " \\fI");
            put_roff(buf, option->value);
            avsp_buf_puts(buf, "\\fR");
        }
        avsp_buf_puts(buf, "\n");
        describe_option(option, &text);
        put_roff(buf, avsp_buf_text(&text));
        avsp_buf_puts(buf, "\n");
    }
}

static void put_roff_command(struct avsp_buf *buf, const struct avsp_cli_program *program,
                             const struct avsp_cli_command *command)
{
    avsp_buf_puts(buf, ".SS ");
    put_roff(buf, program->name);
    avsp_buf_puts(buf, " ");
    put_roff(buf, command->name);
    if (command->arguments[0] != '\0') {
        avsp_buf_puts(buf, " ");
        put_roff(buf, command->arguments);
    }
    avsp_buf_puts(buf, "\n");
    put_roff_paragraphs(buf, command->help);
    put_roff_options(buf, command);
}

/// Notes are sections, separated by empty lines: a line of heading, then text.
static void put_roff_notes(struct avsp_buf *buf, const char *notes)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) section;
    avsp_buf_init(&section, AVSP_CLI_TEXT_MAX_BYTES);
    while (*notes != '\0') {
        size_t heading = strcspn(notes, "\n");
        const char *end = strstr(notes, "\n\n");
        size_t len = end != NULL ? (size_t)(end - notes) : strlen(notes);
        avsp_buf_clear(&section);
        avsp_buf_append(&section, notes, heading);
        avsp_buf_puts(buf, ".SH ");
        put_roff(buf, avsp_buf_text(&section));
        avsp_buf_puts(buf, "\n");
        avsp_buf_clear(&section);
        if (len > heading)
            avsp_buf_append(&section, notes + heading + 1, len - heading - 1);
        put_roff_paragraphs(buf, avsp_buf_text(&section));
        notes += len;
        notes += strspn(notes, "\n");
    }
}

static void put_roff_synopsis(struct avsp_buf *buf, const struct avsp_cli_program *program)
{
    avsp_buf_puts(buf, ".SH SYNOPSIS\n");
    for (size_t i = 0; i < program->n_commands; i++) {
        const struct avsp_cli_command *command = &program->commands[i];
        avsp_buf_puts(buf, i > 0 ? ".br\n\\fB" : "\\fB");
        put_roff(buf, program->name);
        avsp_buf_puts(buf, command->name[0] != '\0' ? " " : "");
        put_roff(buf, command->name);
        avsp_buf_puts(buf, "\\fR");
        avsp_buf_puts(buf, command->n_options > 0 ? " [\\fIOPTIONS\\fR]" : "");
        if (command->arguments[0] != '\0') {
            avsp_buf_puts(buf, " \\fI");
            put_roff(buf, command->arguments);
            avsp_buf_puts(buf, "\\fR");
        }
        avsp_buf_puts(buf, "\n");
    }
}

void avsp_cli_man(const struct avsp_cli_program *program, struct avsp_buf *buf)
{
    const struct avsp_cli_command *plain = plain_use(program);
    avsp_buf_puts(buf, ".TH ");
    put_roff(buf, program->name);
    avsp_buf_puts(buf, " 1 \"\" \"avspl1t " AVSP_VERSION "\" \"avspl1t manual\"\n.SH NAME\n");
    put_roff(buf, program->name);
    avsp_buf_puts(buf, " \\- ");
    put_roff(buf, program->summary);
    avsp_buf_puts(buf, "\n");
    put_roff_synopsis(buf, program);
    avsp_buf_puts(buf, ".SH DESCRIPTION\n");
    put_roff_paragraphs(buf, program->description);
    if (plain != NULL) {
        avsp_buf_puts(buf, ".SH OPTIONS\n");
        put_roff_options(buf, plain);
    }
    if (plain == NULL || program->n_commands > 1)
        avsp_buf_puts(buf, ".SH COMMANDS\n");
    for (size_t i = 0; i < program->n_commands; i++)
        if (&program->commands[i] != plain)
            put_roff_command(buf, program, &program->commands[i]);
    put_roff_notes(buf, program->notes);
}
