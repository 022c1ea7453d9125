using HdrHistogram;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>Going on with a run that was cut short, against a scripted runner: the same folder, whatever moment it was cut at.</summary>
public sealed class ResumeTests : IDisposable
{
    private const string MatrixText = "backend: [poll, epoll]\ndepth: [1, 2]\nrounds: 2\nduration: 1ms\nwarmup: 0s\nseed: 7\n";

    private readonly TempDir _folder = new();
    private readonly RunRecord _record = ResultsSamples.Run with
    {
        CellCount = 4,
        Rounds = 2,
        Seed = 7,
        DurationSeconds = 0.001,
        WarmupSeconds = 0,
        Build = "b",
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_is_measured_is_kept_and_the_rest_follows_in_the_same_order()
    {
        var whole = await RunAsync(Begin(), [], stopAfter: int.MaxValue);
        for (var cut = 0; cut <= whole.Count; cut++)
        {
            var folder = Begin();
            await RunAsync(folder, [], stopAfter: cut);
            var run = ResumedRun.Open(folder.Path);
            using var again = run.Reopen(out var kept);
            Assert.Equal(cut, kept.Count);
            await RunAsync(again, kept, stopAfter: int.MaxValue);
            Assert.Equal(whole, Order(folder.Path));
            Assert.Equal(TwiceInEveryLog, Counts(folder.Path));
        }
    }

    [Theory]
    [InlineData("{\"cell\":\"x")]
    [InlineData("{")]
    public async Task A_last_line_that_is_half_written_is_cut_off_and_its_cell_measured_again(string half)
    {
        var folder = Begin();
        await RunAsync(folder, [], stopAfter: 3);
        var cells = Path.Combine(folder.Path, "cells.jsonl");
        File.AppendAllText(cells, half);
        using var again = ResumedRun.Open(folder.Path).Reopen(out var kept);
        Assert.Equal(3, kept.Count);
        await RunAsync(again, kept, stopAfter: int.MaxValue);
        Assert.Equal(8, RunReader.Read(folder.Path).Cells.Count);
        Assert.Empty(RunReader.Read(folder.Path).Problems);
    }

    [Fact]
    public async Task A_round_whose_latencies_were_written_but_not_its_record_is_not_counted_twice()
    {
        var folder = Begin();
        var done = await RunAsync(folder, [], stopAfter: 1);
        // As a kill between the two leaves it.
        var cells = Path.Combine(folder.Path, "cells.jsonl");
        File.WriteAllText(cells, "");
        using var again = ResumedRun.Open(folder.Path).Reopen(out var kept);
        Assert.Empty(kept);
        await RunAsync(again, kept, stopAfter: int.MaxValue);
        Assert.Equal(TwiceInEveryLog, Counts(folder.Path));
        Assert.Contains(done[0], Order(folder.Path));
    }

    [Fact]
    public async Task A_damaged_line_in_the_middle_is_refused_by_its_number()
    {
        var folder = Begin();
        await RunAsync(folder, [], stopAfter: 2);
        var cells = Path.Combine(folder.Path, "cells.jsonl");
        File.WriteAllText(cells, "edited\n" + File.ReadAllText(cells));
        var error = Assert.Throws<HarnessException>(() => ResumedRun.Open(folder.Path).Reopen(out _));
        Assert.Contains("cannot be resumed: cells.jsonl:1: damaged", error.Message);
        // The refusal has let go of the folder.
        File.WriteAllLines(cells, File.ReadAllLines(cells).Skip(1));
        ResumedRun.Open(folder.Path).Reopen(out var kept).Dispose();
        Assert.Equal(2, kept.Count);
    }

    [Fact]
    public void Another_environment_is_refused_with_the_line_that_differs()
    {
        using var folder = Begin();
        var run = ResumedRun.Open(folder.Path);
        run.RequireSame(_record);
        var elsewhere = _record with { Environment = _record.Environment with { KernelRelease = "6.18.0" } };
        var error = Assert.Throws<HarnessException>(() => run.RequireSame(elsewhere));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.Equal($"'{folder.Path}' cannot be resumed: its environment was another one: environment.kernel_release was '6.12.0' and is '6.18.0'; restore it, or begin a new run", error.Message);
        Assert.Contains("measured by another build (commit 0123456789, here feed)", Assert.Throws<HarnessException>(() => run.RequireSame(_record with { Build = "c", Commit = "feed" })).Message);
    }

    [Fact]
    public void A_matrix_that_was_edited_is_refused()
    {
        var folder = Begin();
        folder.Dispose();
        File.WriteAllText(Path.Combine(folder.Path, "matrix.yml"), MatrixText.Replace("[1, 2]", "[1, 2, 4]"));
        Assert.Contains("its matrix.yml is not the matrix that its run.json speaks of", Assert.Throws<HarnessException>(() => ResumedRun.Open(folder.Path)).Message);
    }

    [Fact]
    public void Two_runners_cannot_write_one_folder()
    {
        using var folder = Begin();
        var error = Assert.Throws<HarnessException>(() => ResultsFolder.Reopen(folder.Path));
        Assert.Equal($"'{folder.Path}' is being written by another harness run; wait for its end, or end it", error.Message);
    }

    [Fact]
    public void A_kill_while_the_folder_is_made_leaves_nothing_that_looks_like_a_run()
    {
        using var folder = Begin();
        Assert.Equal([folder.Path], Directory.GetDirectories(Path.GetDirectoryName(folder.Path)!));
        Assert.Equal(
            [".lock", "cells.jsonl", "matrix.yml", "run.json"],
            Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private ResultsFolder Begin() => ResultsFolder.Create(_folder.Path, _record, MatrixText);

    private async Task<IReadOnlyList<string>> RunAsync(ResultsFolder folder, IReadOnlyList<CellRecord> kept, int stopAfter)
    {
        using (folder)
        {
            File.WriteAllText(_folder.File("sample.yml"), MatrixText);
            var matrix = MatrixReader.Read(_folder.File("sample.yml"), brief: false);
            using var stop = new CancellationTokenSource();
            var left = stopAfter;
            using var scripted = new Scripted(cell =>
            {
                stop.Token.ThrowIfCancellationRequested();
                var log = ResultsSamples.OpenHlog(_folder.Path, "cell.hlog", 1, 100, 90, 10);
                if (--left == 0)
                {
                    stop.Cancel();
                }
                return new CellOutcome(CellStatus.Ok, null, ResultsSamples.Ok(cell, 1, 10).Load, log);
            });
            if (stopAfter == 0)
            {
                stop.Cancel();
            }
            var runner = new MatrixRunner(matrix, scripted, folder, new RunProgress(TextWriter.Null, terminal: false, int.MaxValue, 8), kept);
            var outcome = await runner.RunAsync(matrix.Cells(), stop.Token);
            Assert.Equal(Math.Min(8, stopAfter), outcome.Ok);
            return Order(folder.Path);
        }
    }

    private static string[] Order(string folder) => [.. RunReader.Read(folder).Cells.Select(record => $"{record.Round} {record.Cell}")];

    // Two rounds of one operation, in the three logs of each of the four cells.
    private static IEnumerable<long> TwiceInEveryLog => Enumerable.Repeat(2L, 12);

    private static IEnumerable<long> Counts(string folder) => Directory.GetFiles(Path.Combine(folder, "hlog"), "*.hlog").Select(file =>
    {
        using var log = File.OpenRead(file);
        return HistogramLogReader.Read(log).Sum(interval => interval.TotalCount);
    });

    private sealed class Scripted(Func<Cell, CellOutcome> outcome) : ICellRunner
    {
        public Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel) => Task.FromResult(outcome(cell));

        public void Dispose()
        {
        }
    }
}
