// SPDX-License-Identifier: MIT
//
// oneTBB, used as its manual does: parallel_for over a blocked_range with a partitioner, or a task_group with a task a
// chunk. The one file of the peers in C++: it has no interface in C. The caller works in slot 0 of an arena of its own;
// an observer binds the other threads as they come in. A blocked_range is halved until a part has at most `chunk` tasks
// (simple_partitioner), or, with auto_partitioner, until the library finds it divided enough.
// C has structs and functions of one name, grain_pool_stats for one; C++ calls that shadowing.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "tbb.h"
#pragma GCC diagnostic pop

#include <cerrno>
#include <new>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/task_scheduler_observer.h>

namespace
{

class Placer final : public tbb::task_scheduler_observer
{
  public:
    Placer(tbb::task_arena &arena, const struct crew *of) : tbb::task_scheduler_observer(arena), crew(of)
    {
        observe(true);
    }

    ~Placer() override
    {
        observe(false);
    }

    void on_scheduler_entry(bool is_worker) override
    {
        if (!is_worker)
            return; // the caller: crew_join()
        crew_place(crew, tbb::this_task_arena::current_thread_index());
        job_enter(crew->pool);
    }

    void on_scheduler_exit(bool is_worker) override
    {
        if (is_worker)
            job_leave(nullptr);
    }

  private:
    const struct crew *crew;
};

int worker_number()
{
    return tbb::this_task_arena::current_thread_index();
}

} // namespace

struct tbb_arena {
    explicit tbb_arena(struct crew *of)
        : crew(of), limit(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(of->pool->workers)),
          arena(of->pool->workers, 1), placer(arena, of)
    {
    }

    struct crew *crew;
    tbb::global_control limit; // more workers than CPUs are allowed too
    tbb::task_arena arena;
    Placer placer;
};

struct tbb_arena *tbb_arena_open(struct crew *crew)
{
    try {
        return new tbb_arena(crew);
    } catch (...) {
        return nullptr;
    }
}

void tbb_arena_close(struct tbb_arena *arena)
{
    delete arena;
}

namespace
{

// Only the library itself throws: what it runs is C.
template <typename Body> int execute(struct tbb_arena *arena, const Body &body)
{
    try {
        arena->arena.execute(body);
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}

template <typename Partitioner> int run_for(struct tbb_arena *arena, const struct job *job, size_t chunk)
{
    struct crew *crew = arena->crew;
    return execute(arena, [=] {
        tbb::parallel_for(
            tbb::blocked_range<size_t>(0, job->count, chunk),
            [=](const tbb::blocked_range<size_t> &range) {
                crew_run(crew, job, worker_number(), range.begin(), range.end());
            },
            Partitioner());
    });
}

} // namespace

int tbb_run_simple(struct tbb_arena *arena, const struct job *job, size_t chunk)
{
    return run_for<tbb::simple_partitioner>(arena, job, chunk);
}

int tbb_run_auto(struct tbb_arena *arena, const struct job *job, size_t chunk)
{
    return run_for<tbb::auto_partitioner>(arena, job, chunk);
}

int tbb_run_tasks(struct tbb_arena *arena, const struct job *job, size_t chunk)
{
    struct crew *crew = arena->crew;
    return execute(arena, [=] {
        tbb::task_group group;
        for (size_t unit = 0; unit * chunk < job->count; unit++)
            group.run([=] { crew_run_unit(crew, job, worker_number(), unit, chunk); });
        group.wait();
    });
}
