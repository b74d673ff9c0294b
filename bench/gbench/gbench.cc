/* SPDX-License-Identifier: MIT
 *
 * The only C++ between grain-bench and Google Benchmark 1.7. A state is the library's own, seen through an
 * opaque pointer. Reporters are wrapped in one that takes the suffixes off the names; what they print, and
 * when, is the library's affair.
 */
#include "gbench.h"

#include <benchmark/benchmark.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace
{

/* What the library keeps to itself after it has read the flags. */
struct Flags {
    bool lists = false;
    bool help = false;
    std::string out, out_format = "json";
} flags;

void (*own_help)() = nullptr;

std::map<std::string, int> registered; /* how often each name was */

/* Calls what may throw; says what was thrown. */
template <typename Call> int guarded(Call call)
{
    try {
        call();
        return 0;
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "grain-bench: Google Benchmark: %s\n", error.what());
    } catch (...) {
        std::fprintf(stderr, "grain-bench: Google Benchmark threw something\n");
    }
    return -EIO;
}

benchmark::State &state_of(struct gbench_state *state)
{
    return *reinterpret_cast<benchmark::State *>(state);
}

/* ------------------------------------------------------------------------------------------ flags */

/* The value of --NAME=VALUE, else of the variable of that name in capitals, as the library reads them. */
std::string flag_value(int argc, char **argv, const std::string &name, const std::string &otherwise)
{
    std::string variable = name, value = otherwise;
    for (char &letter : variable)
        letter = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    if (const char *set = std::getenv(variable.c_str()))
        value = set;
    for (int i = 1; i < argc; i++) {
        std::string argument = argv[i];
        if (argument == "--" + name)
            value = "true";
        else if (argument.rfind("--" + name + "=", 0) == 0)
            value = argument.substr(name.size() + 3);
    }
    return value;
}

bool is_true(std::string value)
{
    for (char &letter : value)
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    if (value.size() == 1)
        return std::isalnum(static_cast<unsigned char>(value[0])) && !std::strchr("0fn", value[0]);
    return !value.empty() && value != "false" && value != "no" && value != "off";
}

/* The library ends the program with 0 after this, also for values that it does not know. */
void print_help()
{
    if (flags.help) {
        if (own_help)
            own_help();
        benchmark::PrintDefaultHelp();
        return;
    }
    std::fprintf(stderr, "grain-bench: a --benchmark_ flag has a value that Google Benchmark does not know "
                         "(formats are console, json, csv; colour is auto, true, false; units are ns, us, ms, s)\n");
    std::exit(2);
}

/* The end of a registered name is followed by the library's suffixes: each `$` that is an anchor lets them
 * pass. */
std::string filter_open_ended(const std::string &filter)
{
    std::string open;
    bool in_brackets = false;
    for (std::size_t i = 0; i < filter.size(); i++) {
        if (filter[i] == '\\' && i + 1 < filter.size()) {
            open += filter[i++];
        } else if (filter[i] == '[' && !in_brackets) {
            in_brackets = true;
        } else if (filter[i] == ']') {
            in_brackets = false;
        } else if (filter[i] == '$' && !in_brackets) {
            open += "(/iterations:[0-9]+)?(/real_time|/manual_time)?";
        }
        open += filter[i];
    }
    return open;
}

/* -------------------------------------------------------------------------------------- reporters */

class PlainNames : public benchmark::BenchmarkReporter
{
  public:
    explicit PlainNames(benchmark::BenchmarkReporter *reporter) : inner(reporter)
    {
    }

    bool ReportContext(const Context &context) override
    {
        Context plain = context;
        const std::size_t suffix = std::strlen("/real_time");
        plain.name_field_width -= plain.name_field_width > suffix ? suffix : 0;
        inner->SetOutputStream(&GetOutputStream());
        inner->SetErrorStream(&GetErrorStream());
        return inner->ReportContext(plain);
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        std::vector<Run> plain = runs;
        for (Run &run : plain) {
            run.run_name.iterations.clear();
            run.run_name.time_type.clear();
            const auto name = registered.find(run.run_name.str());
            if (name != registered.end() && name->second > 1)
                run.repetition_index = seen[name->first]++;
        }
        inner->ReportRuns(plain);
    }

    void Finalize() override
    {
        inner->Finalize();
    }

  private:
    std::unique_ptr<benchmark::BenchmarkReporter> inner;
    std::map<std::string, int64_t> seen;
};

benchmark::BenchmarkReporter *file_reporter()
{
    if (flags.out_format == "console")
        return new benchmark::ConsoleReporter(benchmark::ConsoleReporter::OO_None);
    BENCHMARK_DISABLE_DEPRECATED_WARNING
    if (flags.out_format == "csv")
        return new benchmark::CSVReporter();
    BENCHMARK_RESTORE_DEPRECATED_WARNING
    return new benchmark::JSONReporter();
}

/* The library's list, line by line, without the suffixes. */
void print_list(const std::string &list)
{
    std::istringstream lines(list);
    const std::regex suffix("(/iterations:[0-9]+)?(/real_time|/manual_time)?$");
    for (std::string line; std::getline(lines, line);)
        std::cout << std::regex_replace(line, suffix, "", std::regex_constants::format_first_only) << '\n';
    std::cout.flush();
}

std::size_t run_all(const std::string &filter)
{
    PlainNames display(benchmark::CreateDefaultDisplayReporter());
    std::ostringstream list;
    if (flags.lists)
        display.SetOutputStream(&list);
    std::unique_ptr<PlainNames> file(flags.out.empty() ? nullptr : new PlainNames(file_reporter()));
    std::size_t count = benchmark::RunSpecifiedBenchmarks(&display, file.get(), filter);
    print_list(list.str());
    return count;
}

} // namespace

/* ------------------------------------------------------------------------------------ for C callers */

int gbench_init(int *argc, char **argv, void (*help)(void))
{
    return guarded([&] {
        own_help = help;
        for (int i = 1; i < *argc; i++)
            flags.help = flags.help || std::strcmp(argv[i], "--help") == 0;
        flags.lists = is_true(flag_value(*argc, argv, "benchmark_list_tests", "false"));
        flags.out = flag_value(*argc, argv, "benchmark_out", "");
        flags.out_format = flag_value(*argc, argv, "benchmark_out_format", "json");
        benchmark::Initialize(argc, argv, print_help);
    });
}

int gbench_register(const char *name, gbench_body body, void *user, uint64_t iterations, bool times_itself)
{
    return guarded([&] {
        auto *added = benchmark::RegisterBenchmark(name, [body, user](benchmark::State &state) {
            body(reinterpret_cast<struct gbench_state *>(&state), user);
        });
        if (times_itself)
            added->UseManualTime();
        else
            added->UseRealTime();
        if (iterations > 0)
            added->Iterations(static_cast<benchmark::IterationCount>(iterations));
        registered[name]++;
    });
}

int gbench_context(const char *key, const char *value)
{
    return guarded([&] { benchmark::AddCustomContext(key, value); });
}

int64_t gbench_run(void)
{
    std::string filter;
    try {
        filter = benchmark::GetBenchmarkFilter();
        if (filter.empty() || filter == "all")
            filter = ".";
        std::regex(filter[0] == '-' ? filter.substr(1) : filter, std::regex::extended | std::regex::nosubs);
        filter = filter_open_ended(filter);
    } catch (const std::regex_error &) {
        std::fprintf(stderr, "grain-bench: --benchmark_filter is no regular expression: %s\n", filter.c_str());
        return -EINVAL;
    } catch (...) {
        return -EIO;
    }
    std::size_t count = 0;
    int status = guarded([&] { count = run_all(filter); });
    return status ? status : static_cast<int64_t>(count);
}

void gbench_shutdown(void)
{
    guarded([] {
        benchmark::ClearRegisteredBenchmarks();
        registered.clear();
        benchmark::Shutdown();
    });
}

bool gbench_keep_running(struct gbench_state *state)
{
    return state_of(state).KeepRunning();
}

void gbench_pause(struct gbench_state *state)
{
    state_of(state).PauseTiming();
}

void gbench_resume(struct gbench_state *state)
{
    state_of(state).ResumeTiming();
}

void gbench_took(struct gbench_state *state, uint64_t ns)
{
    state_of(state).SetIterationTime(static_cast<double>(ns) * 1e-9);
}

void gbench_fail(struct gbench_state *state, const char *message)
{
    guarded([&] { state_of(state).SkipWithError(message); });
}

void gbench_counter(struct gbench_state *state, const char *name, double value)
{
    guarded([&] { state_of(state).counters[name] = benchmark::Counter(value); });
}

uint64_t gbench_iterations(const struct gbench_state *state)
{
    return static_cast<uint64_t>(reinterpret_cast<const benchmark::State *>(state)->iterations());
}
