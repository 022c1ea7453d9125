using System.Text;
using System.Text.Json;
using HdrHistogram;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed class ResultsTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly Cell _cell = ResultsSamples.Cell("uring", "read");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_named_for_machine_date_matrix_and_commit()
    {
        Assert.Equal(Path.Combine(_folder.Path, "example-cpu-9000-2cpu", "2026-03-01T120000-sample-0123456789"), Create().Path);
        Assert.EndsWith("-2", Create().Path);
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        var folder = Create();
        var records = new[]
        {
            ResultsSamples.Ok(_cell, 1, 1000, enters: 0.5),
            ResultsSamples.Not(_cell, 2, CellStatus.Failed, "the server ended with exit code 1"),
        };
        foreach (var record in records)
        {
            folder.Append(record, null);
        }
        var data = RunReader.Read(folder.Path);
        Assert.Empty(data.Problems);
        Assert.Equal(records.Select(Json), data.Cells.Select(Json));
        Assert.Equal(JsonSerializer.Serialize(ResultsSamples.Run, ResultsJson.Line.RunRecord), JsonSerializer.Serialize(data.Run, ResultsJson.Line.RunRecord));
        Assert.Equal("depth: 1\n", File.ReadAllText(Path.Combine(folder.Path, "matrix.yml")));
    }

    [Fact]
    public void A_figure_that_could_not_be_had_is_null_and_names_are_snake_case_with_units()
    {
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(ResultsSamples.Ok(_cell, 1, 1000).Load!, ResultsJson.Line.LoadResult));
        var root = json.RootElement;
        Assert.Equal(
            [
                "ops", "errors", "first_error", "started_monotonic_ns", "seconds", "warmup_seconds", "iops", "bytes_per_second",
                "instructions_per_op", "user_instructions_per_op", "kernel_instructions_per_op", "backend", "wait",
                "replies", "arrivals", "latency_us", "service_us",
                "send_lag_us", "rate_offered", "rate_achieved", "unsent", "saturated", "client", "server", "explain",
            ],
            root.EnumerateObject().Select(property => property.Name));
        Assert.Equal(
            ["cpu_us_per_op", "instructions_per_op", "syscalls_per_op", "enters_per_op", "sqes_per_op", "cqes_per_op", "sqes_by_opcode_per_op",
                "bytes_received_per_op", "bytes_sent_per_op", "context_switches_per_op", "allocated_bytes_per_op", "gc_count",
                "jit_methods_in_window", "ring_flags"],
            root.GetProperty("server").EnumerateObject().Select(property => property.Name));
        Assert.Equal(JsonValueKind.Null, root.GetProperty("server").GetProperty("enters_per_op").ValueKind);
        var latency = new LatencySummary { Min = 1, P50 = 2, P90 = 3, P99 = 4, P999 = 5, Max = 6, Mean = 7, Count = 8 };
        var summary = JsonSerializer.Serialize(latency, ResultsJson.Line.LatencySummary);
        Assert.Equal("""{"min":1,"p50":2,"p90":3,"p99":4,"p99_9":5,"max":6,"mean":7,"count":8}""", summary);
    }

    [Fact]
    public void Damaged_lines_are_left_out_and_named()
    {
        var folder = Create();
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), null);
        folder.Append(ResultsSamples.Ok(_cell, 2, 2000), null);
        var path = Path.Combine(folder.Path, "cells.jsonl");
        var lines = File.ReadAllLines(path);
        File.WriteAllText(path, lines[0] + "\n{\"cell\":\"x\"}\n" + lines[1] + "\n" + lines[1][..40]);
        var data = RunReader.Read(folder.Path);
        Assert.Equal([1, 2], data.Cells.Select(record => record.Round));
        Assert.Equal(2, data.Problems.Count);
        Assert.StartsWith("cells.jsonl:2: damaged, left out", data.Problems[0]);
        Assert.StartsWith("cells.jsonl:4: damaged, left out (40 characters", data.Problems[1]);
    }

    [Fact]
    public void Packed_lines_are_read_and_gone_on_with()
    {
        var folder = Create();
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), null);
        Pack(folder.Path);
        Assert.Equal([1], RunReader.Read(folder.Path).Cells.Select(record => record.Round));
        folder.Dispose();
        using (ResultsFolder reopened = ResultsFolder.Reopen(folder.Path))
        {
            reopened.Append(ResultsSamples.Ok(_cell, 2, 2000), null);
        }
        var data = RunReader.Read(folder.Path);
        Assert.Equal([1, 2], data.Cells.Select(record => record.Round));
        Assert.Empty(data.Problems);
        Assert.False(File.Exists(Path.Combine(folder.Path, "cells.jsonl.gz")));
    }

    [Theory]
    [InlineData("not gzip at all")]
    [InlineData(null)]
    public void A_damaged_pack_is_named_and_not_gone_on_with(string? content)
    {
        var folder = Create();
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), null);
        string packed = Pack(folder.Path);
        // Without a content of its own it is cut in its middle, as a full disk would.
        File.WriteAllBytes(packed, content is null ? File.ReadAllBytes(packed)[..200] : Encoding.UTF8.GetBytes(content));
        Assert.StartsWith("cells.jsonl.gz: damaged, so there are no figures", Assert.Single(RunReader.Read(folder.Path).Problems));
        folder.Dispose();
        Assert.Contains("cells.jsonl.gz is damaged", Assert.Throws<HarnessException>(() => ResultsFolder.Reopen(folder.Path)).Message);
        Assert.True(File.Exists(packed));
    }

    [Fact]
    public void A_missing_folder_is_bad_usage_and_a_damaged_one_a_failure()
    {
        Assert.Equal(ExitCode.Usage, Assert.Throws<HarnessException>(() => RunReader.Read(_folder.File("none"))).ExitCode);
        Assert.Contains("holds no run.json", Assert.Throws<HarnessException>(() => RunReader.Read(_folder.Path)).Message);
        var folder = Create();
        File.WriteAllText(Path.Combine(folder.Path, "run.json"), "{ \"schema\": 1");
        var error = Assert.Throws<HarnessException>(() => RunReader.Read(folder.Path));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.StartsWith("cannot read '", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_run_of_a_newer_format_is_refused_by_name()
    {
        var folder = Create();
        folder.Write(ResultsSamples.Run with { Schema = 99 });
        Assert.Contains("newer harness (schema 99", Assert.Throws<HarnessException>(() => RunReader.Read(folder.Path)).Message);
    }

    [Fact]
    public void A_folder_that_cannot_be_created_is_one_line_with_the_remedy()
    {
        var file = _folder.File("file");
        File.WriteAllText(file, "");
        var error = Assert.Throws<HarnessException>(() => ResultsFolder.Create(file, ResultsSamples.Run, ""));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.Matches(@"^cannot create the results folder '.*': .*; choose another place with --results DIR$", error.Message);
    }

    [Fact]
    public void A_folder_that_vanishes_during_the_run_is_one_line()
    {
        var folder = Create();
        Directory.Delete(folder.Path, recursive: true);
        var error = Assert.Throws<HarnessException>(() => folder.Append(ResultsSamples.Ok(_cell, 1, 1000), null));
        Assert.StartsWith($"cannot write to the results folder '{folder.Path}': ", error.Message);
    }

    [Fact]
    public void Rounds_are_added_up_as_histograms_and_kept_apart_by_tag()
    {
        var folder = Create();
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), ResultsSamples.Hlog(_folder.Path, "1.hlog", 99, 100));
        folder.Append(ResultsSamples.Ok(_cell, 2, 1000), ResultsSamples.Hlog(_folder.Path, "2.hlog", 1, 9000));

        using var log = File.OpenRead(Path.Combine(folder.Path, "hlog", _cell.Id + ".hlog"));
        Assert.Equal([("round1", 99L), ("round2", 1L)], HistogramLogReader.Read(log).Select(interval => (interval.Tag!, interval.TotalCount)));
        var summary = new LatencyFiles(folder.Path).Summary(_cell.Id, [])!;
        Assert.Equal(100, summary.Count);
        Assert.InRange(summary.P99, 100, 100.2);
        Assert.InRange(summary.P999, 9000, 9010);
        Assert.Contains("Total count    =          100]", File.ReadAllText(Path.Combine(folder.Path, "hgrm", _cell.Id + ".hgrm")));
    }

    [Fact]
    public void An_open_loops_three_histograms_are_kept_apart_and_a_round_that_is_measured_again_replaces_all_three()
    {
        var folder = Create();
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), ResultsSamples.OpenHlog(_folder.Path, "1.hlog", 10, 900, 800, 100));
        // As a run that was killed between writing the logs and listing the round measures it again.
        folder.Append(ResultsSamples.Ok(_cell, 1, 1000), ResultsSamples.OpenHlog(_folder.Path, "2.hlog", 10, 300, 200, 100));
        folder.Append(ResultsSamples.Ok(_cell, 2, 1000), ResultsSamples.OpenHlog(_folder.Path, "3.hlog", 10, 300, 200, 100));
        var latencies = new LatencyFiles(folder.Path);
        foreach (var (kind, part, us) in new[] { (LatencyKind.Latency, "", 300), (LatencyKind.Service, ".service", 200), (LatencyKind.SendLag, ".lag", 100) })
        {
            Assert.Equal([("round1", 10L), ("round2", 10L)], latencies.Intervals(_cell.Id, kind).Select(interval => (interval.Tag!, interval.TotalCount)));
            Assert.InRange(latencies.Summary(_cell.Id, [], kind)!.Max, us, us * 1.001);
            Assert.True(File.Exists(Path.Combine(folder.Path, "hlog", $"{_cell.Id}{part}.hlog")));
            Assert.Contains("Total count    =           20]", File.ReadAllText(Path.Combine(folder.Path, "hgrm", $"{_cell.Id}{part}.hgrm")));
        }
    }

    [Theory]
    [InlineData("block=file:/x.lag", "block=file:%2Fx%2Elag")]
    [InlineData("block=file:/x.service", "block=file:%2Fx%2Eservice")]
    [InlineData("block=file:/x.raw", "block=file:%2Fx.raw")]
    public void A_cell_whose_id_ends_like_another_histogram_is_not_taken_for_it(string id, string name) => Assert.Equal(name, CellFile.Name(id));

    [Theory]
    [InlineData("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "intel-xeon-gold-6148-cpu-2.40ghz")]
    [InlineData("AMD EPYC", "amd-epyc")]
    [InlineData("../..", "machine")]
    public void A_machine_name_is_a_harmless_folder_name(string model, string slug) => Assert.Equal(slug, MachineName.Slug(model));

    private ResultsFolder Create() => ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "depth: 1\n");

    private static string Pack(string folder)
    {
        Tool.Run("/bin/gzip", Path.Combine(folder, "cells.jsonl")).Succeeded();
        return Path.Combine(folder, "cells.jsonl.gz");
    }

    private static string Json(CellRecord record) => JsonSerializer.Serialize(record, ResultsJson.Line.CellRecord);
}
