using Harness.Matrix;

namespace Harness.Tests.Unit;

public sealed class MatrixTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_empty_mapping_is_the_default_of_every_axis()
    {
        var matrix = Read("{}");
        Assert.Equal(["poll", "epoll", "uring-poll", "uring", "uring-epoll"], matrix.Values["backend"]);
        Assert.Equal(["memory:256M"], matrix.Values["block"]);
        Assert.Equal((3, 1UL, TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(500)), (matrix.Rounds, matrix.Seed, matrix.Duration, matrix.Warmup));
        Assert.Equal("m", matrix.Name);
    }

    [Fact]
    public void Every_combination_is_a_cell_with_canonical_values()
    {
        var cells = Read("backend: [epoll, uring]\nsize: [4096, 1M]\nrw: 'mix:100'\n").Cells();
        Assert.Equal(
            [
                "backend=epoll,depth=64,rw=read",
                "backend=epoll,depth=64,size=1M,rw=read",
                "backend=uring,depth=64,rw=read",
                "backend=uring,depth=64,size=1M,rw=read",
            ],
            cells.Select(cell => cell.Id));
    }

    [Fact]
    public void Of_all_combinations_those_under_cells_are_measured()
    {
        var matrix = Read("backend: [epoll, uring]\ndepth: [1, 64]\ncells: ['backend=uring,depth=1,rw=read', 'backend=epoll,depth=64,rw=read']\n");
        Assert.Equal(["backend=epoll,depth=64,rw=read", "backend=uring,depth=1,rw=read"], matrix.Cells().Select(cell => cell.Id));
    }

    [Fact]
    public void Rates_and_arrivals_make_open_loops_and_a_closed_loop_is_one_cell_whatever_the_arrivals()
    {
        var cells = Read("backend: epoll\nrate: [closed, 500, 20k]\narrivals: [constant, poisson]\n").Cells();
        Assert.Equal(
            [
                "backend=epoll,depth=64,rw=read",
                "backend=epoll,depth=64,rate=500,rw=read",
                "backend=epoll,depth=64,rate=500,arrivals=poisson,rw=read",
                "backend=epoll,depth=64,rate=20000,rw=read",
                "backend=epoll,depth=64,rate=20000,arrivals=poisson,rw=read",
            ],
            cells.Select(cell => cell.Id));
        Assert.Equal([false, true, true, true, true], cells.Select(cell => cell.IsOpenLoop));
    }

    [Fact]
    public void Several_sizes_and_hot_sets_are_values_like_others_and_ids_have_no_comma_in_them()
    {
        var cells = Read("backend: epoll\nsize: [4k, '4096:70,64k:30']\npattern: [random, 'zipf:0.990']\n").Cells();
        Assert.Equal("backend=epoll,depth=64,size=4k:70+64k:30,rw=read,pattern=zipf:0.99", cells[3].Id);
        Assert.Equal([4096, 65_536], RequestSizes.Parse(cells[3]["size"]).Bytes);
    }

    [Fact]
    public void A_traced_pass_is_a_setting_like_others()
    {
        Assert.False(Read("rounds: 1\n").GcPass);
        Assert.True(Read("gc_pass: true\n").GcPass);
        Assert.Contains("1: gc_pass: unknown value 'yes'; legal: true, false", Assert.Throws<HarnessException>(() => Read("gc_pass: yes\n")).Message);
    }

    [Fact]
    public void The_brief_section_replaces_what_it_names_and_only_when_asked()
    {
        const string Yaml = "depth: [1, 64]\nrounds: 5\nbrief:\n  depth: 2\n  duration: 20ms\n";
        Assert.Equal(["1", "64"], Read(Yaml).Values["depth"]);
        var brief = Read(Yaml, brief: true);
        Assert.Equal(["2"], brief.Values["depth"]);
        Assert.Equal((5, TimeSpan.FromMilliseconds(20)), (brief.Rounds, brief.Duration));
    }

    [Theory]
    [InlineData("rounds: 1\nbackend: [poll, uringg]\n", "2: unknown backend 'uringg'; did you mean 'uring'? legal: poll, epoll, uring-poll, uring, uring-epoll")]
    [InlineData("backend: kqueue\n", "1: unknown backend 'kqueue'; legal: poll, epoll, uring-poll, uring, uring-epoll")]
    [InlineData("# a note\nbackends: [poll]\n", "2: unknown key 'backends'; did you mean 'backend'? legal: rounds, seed, duration, warmup, ops, gc_pass, timeline_pass, backend, variant, pipes, tokens, wait, gather, depth, connections, loops, max_in_flight, rate, arrivals, size, rw, pattern, transport, layer, block, fill, server, client, duplex, timeline, client_backend, client_wait, mitigations, parts, cells, brief")]
    [InlineData("duration: 3\n", "1: duration: time '3' has no unit; write 3us, 3ms or 3s")]
    [InlineData("duration: 3min\n", "1: duration: unknown unit 'min' in time '3min'; the units are us, ms and s")]
    [InlineData("duration: 0s\n", "1: duration: '0s' measures nothing; write a time above zero")]
    [InlineData("size:\n  - 4k\n  - 4q\n", "3: size: unknown unit 'q' in size '4q'; the units are k, M, G and T")]
    [InlineData("size: 64M\n", "1: size: a request of 64M is outside 1 to 32M")]
    [InlineData("depth: 0\n", "1: depth: '0' is not a whole number from 1 to 65536")]
    [InlineData("rw: mix:101\n", "1: rw: 'mix:101': the share of reads is a whole number from 0 to 100, as in mix:70")]
    [InlineData("rate: [1000, fast]\n", "1: rate: 'fast' is not a rate; write operations per second, like 500, 20k or 1M, a share of the saturated rate, like 50%, or closed for no schedule")]
    [InlineData("rate: [10%, 0%]\n", "1: rate: '0%' is not a share of the saturated rate; write a whole number from 1% to 200%, like 50%")]
    [InlineData("rate: 50.5%\n", "1: rate: '50.5%' is not a share of the saturated rate; write a whole number from 1% to 200%, like 50%")]
    [InlineData("rate: 1000%\n", "1: rate: '1000%' is not a share of the saturated rate; write a whole number from 1% to 200%, like 50%")]
    [InlineData("rate: [50%, 050%]\n", "1: rate: '50%' is there twice")]
    [InlineData("rate: 2G\n", "1: rate: '2G' is not a rate; write operations per second, like 500, 20k or 1M, at most 1000000000")]
    [InlineData("rate: [1000, 1k]\n", "1: rate: '1000' is there twice")]
    [InlineData("rate: 1k\narrivals: poison\n", "2: unknown arrivals 'poison'; did you mean 'poisson'? legal: constant, poisson")]
    [InlineData("depth: 1\narrivals: poisson\n", "2: arrivals: a closed loop has no arrivals; give rates too, as in 'rate: [10k, 20k]'")]
    [InlineData("depth: [1, 2, 1]\n", "1: depth: '1' is there twice")]
    [InlineData("depth: []\n", "1: depth: the list is empty; leave the key out for its default (64)")]
    [InlineData("backend: epoll\ncells: ['backend=epoll,depth=64,rw=raed']\n", "2: cells: no combination of the axes is 'backend=epoll,depth=64,rw=raed'; did you mean 'backend=epoll,depth=64,rw=read'?")]
    [InlineData("backend: epoll\ncells: x\n", "2: cells: no combination of the axes is 'x'; the first is 'backend=epoll,depth=64,rw=read'")]
    [InlineData("cells: []\n", "1: cells: the list is empty; leave the key out for all combinations")]
    [InlineData("rounds: [1, 2]\n", "1: rounds: expected one value")]
    [InlineData("wait: spinn\n", "1: unknown wait mode 'spinn'; did you mean 'spin'? legal: block, spin, adaptive")]
    [InlineData("block: 'memory: 1M'\n", "1: block: 'memory: 1M' is not a block chain; write one like memory:256M, delay:read=1ms/memory:1G or file:/path")]
    [InlineData("brief: 3\n", "1: brief: expected keys under it, as in 'brief: { rounds: 1, duration: 100ms }'")]
    [InlineData("rounds: 1\nbrief:\n  roundz: 1\n", "3: unknown key 'roundz'; did you mean 'rounds'? legal: rounds, seed, duration, warmup, ops, gc_pass, timeline_pass, backend, variant, pipes, tokens, wait, gather, depth, connections, loops, max_in_flight, rate, arrivals, size, rw, pattern, transport, layer, block, fill, server, client, duplex, timeline, client_backend, client_wait, mitigations, parts, cells, brief")]
    [InlineData("- poll\n", "1: expected 'key: value' lines; legal keys: rounds, seed, duration, warmup, ops, gc_pass, timeline_pass, backend, variant, pipes, tokens, wait, gather, depth, connections, loops, max_in_flight, rate, arrivals, size, rw, pattern, transport, layer, block, fill, server, client, duplex, timeline, client_backend, client_wait, mitigations, parts, cells, brief")]
    [InlineData("", "1: expected 'key: value' lines; legal keys: rounds, seed, duration, warmup, ops, gc_pass, timeline_pass, backend, variant, pipes, tokens, wait, gather, depth, connections, loops, max_in_flight, rate, arrivals, size, rw, pattern, transport, layer, block, fill, server, client, duplex, timeline, client_backend, client_wait, mitigations, parts, cells, brief")]
    public void A_mistake_is_one_line_with_file_line_and_what_is_legal(string yaml, string message)
    {
        var error = Assert.Throws<HarnessException>(() => Read(yaml));
        Assert.Equal($"{_folder.File("m.yml")}:{message}", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Theory]
    [InlineData("depth: [1, 64\nrw: read\n")]
    [InlineData("depth: 1\ndepth: 2\n")]
    [InlineData("depth: 'x\n")]
    public void Bad_yaml_is_one_line_with_file_and_line(string yaml)
    {
        var error = Assert.Throws<HarnessException>(() => Read(yaml));
        Assert.Matches(@"m\.yml:\d+: not valid YAML: .", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_missing_file_says_where_the_matrices_are()
    {
        var error = Assert.Throws<HarnessException>(() => MatrixReader.Read("bench/none.yml", brief: false));
        Assert.Equal("cannot read the matrix 'bench/none.yml': there is no such file; the matrices are in bench/", error.Message);
    }

    [Fact]
    public void Every_matrix_of_the_project_can_be_read_in_both_forms()
    {
        Assert.NotNull(Measure.Checkout.Root);
        foreach (var file in Directory.GetFiles(Path.Combine(Measure.Checkout.Root, "bench"), "*.yml"))
        {
            Assert.NotEmpty(MatrixReader.Read(file, brief: false).Cells());
            Assert.Equal(1, MatrixReader.Read(file, brief: true).Rounds);
        }
    }

    [Fact]
    public void The_smoke_matrix_is_about_two_minutes_of_sixteen_cells()
    {
        var smoke = MatrixReader.Read(Path.Combine(Measure.Checkout.Root!, "bench", "smoke.yml"), brief: false);
        Assert.Equal(16, smoke.Cells().Count);
        var measured = (smoke.Duration + smoke.Warmup) * (smoke.Rounds * smoke.Cells().Count);
        Assert.InRange(measured.TotalSeconds, 60, 100);
    }

    [Fact]
    public void A_round_visits_every_cell_once_in_an_order_that_the_seed_fixes()
    {
        var cells = Enumerable.Range(0, 8).ToArray();
        // Written down, not computed: the order must not change with the machine or the runtime.
        Assert.Equal(Order(1, 1), Order(1, 1));
        Assert.Equal(cells, Order(1, 1).Order());
        Assert.NotEqual(Order(1, 1), Order(1, 2));
        Assert.NotEqual(Order(1, 1), Order(2, 1));
        Assert.Equal(KnownOrder, Order(1, 1));

        int[] Order(ulong seed, int round) => Interleave.Round(cells, seed, round);
    }

    private static readonly int[] KnownOrder = [4, 2, 0, 6, 5, 3, 1, 7];

    private MatrixDefinition Read(string yaml, bool brief = false)
    {
        var path = _folder.File("m.yml");
        File.WriteAllText(path, yaml);
        return MatrixReader.Read(path, brief);
    }
}
