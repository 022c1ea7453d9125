using Harness.Io;
using Harness.Io.Native;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>
/// Layouts and constants of the ring against <c>&lt;linux/io_uring.h&gt;</c>, by a C compiler. What an older header does not have is listed in the
/// output; behaviour proves it where we use it (no index array, incremental buffers, minimum wait, multishot read, epoll wait, in the tests of the
/// ring).
/// </summary>
public sealed class IoUringAbiTests(ITestOutputHelper output)
{
    private const string Header = "linux/io_uring.h";

    // The oldest header that the tests count on is Debian 12's, of kernel 6.1. Only names that came later may be missing from a header.
    private static readonly string[] NewerThan61 =
    [
        "IORING_SEND_ZC_REPORT_USAGE", "IORING_NOTIF_USAGE_ZC_COPIED", "IORING_SETUP_NO_SQARRAY", "IORING_CQE_F_BUF_MORE", "IOU_PBUF_RING_INC",
        "IORING_FEAT_REG_REG_RING", "IORING_FEAT_RECVSEND_BUNDLE", "IORING_FEAT_MIN_TIMEOUT", "IORING_FEAT_RW_ATTR", "IORING_FEAT_NO_IOWAIT",
        "IORING_OP_READ_MULTISHOT", "IORING_OP_WAITID", "IORING_OP_FUTEX_WAIT", "IORING_OP_FUTEX_WAKE", "IORING_OP_FUTEX_WAITV", "IORING_OP_FIXED_FD_INSTALL",
        "IORING_OP_FTRUNCATE", "IORING_OP_BIND", "IORING_OP_LISTEN", "IORING_OP_RECV_ZC",
        "IORING_OP_EPOLL_WAIT", "IORING_OP_READV_FIXED", "IORING_OP_WRITEV_FIXED", "IORING_OP_PIPE",
    ];

    private static readonly Dictionary<string, string> OlderNames = new()
    {
        ["struct io_uring_getevents_arg.min_wait_usec"] = "pad",
        ["struct io_uring_buf_reg.flags"] = "pad",
    };

    [SkippableFact]
    public void Every_structure_and_constant_is_that_of_the_header()
    {
        CCompiler.Require(Header);
        AbiProgram program = Program(Layouts());
        (bool ok, string said) = CCompiler.Check(program.Source);
        Assert.True(ok, said);
        Assert.True(program.Count > 200, $"only {program.Count} assertions");
        output.WriteLine($"{program.Count} assertions hold. Not in this header: {string.Join(' ', program.Missing)}");
        Assert.Subset(NewerThan61.ToHashSet(), program.Missing);
    }

    [SkippableFact]
    public void A_wrong_offset_is_found_in_each_structure()
    {
        CCompiler.Require(Header);
        List<AbiLayout> layouts = Layouts().ToList();
        for (int i = 0; i < layouts.Count; i++)
        {
            (string field, (int offset, int size)) = layouts[i].Fields.Last();
            var wrong = new Dictionary<string, (int, int)>(layouts[i].Fields) { [field] = (offset + 2, size) };
            List<AbiLayout> seeded = [.. layouts];
            seeded[i] = layouts[i] with { Fields = wrong };
            (bool ok, string said) = CCompiler.Check(Program(seeded).Source);
            Assert.False(ok);
            Assert.Contains($"is not at {offset + 2}", said);
            Assert.Contains(layouts[i].CName, said);
        }
    }

    [SkippableFact]
    public void A_wrong_constant_and_a_wrong_size_are_found()
    {
        CCompiler.Require(Header);
        AbiProgram program = Program(Layouts());
        // The mistake that another wrapper made: BUFFER_SELECT as 1 << 3.
        program.Constant("IOSQE_BUFFER_SELECT", 1 << 3);
        program.Struct(typeof(io_uring_sqe), "struct io_uring_sqe", 128);
        (bool ok, string said) = CCompiler.Check(program.Source);
        Assert.False(ok);
        Assert.Contains("IOSQE_BUFFER_SELECT is not 8", said);
        Assert.Contains("sizeof io_uring_sqe is not 128", said);
        Assert.Equal(2, said.Split("static assertion failed").Length - 1);
    }

    // The array of entries and the count beside it: entry 0's last two bytes are the tail of the buffer ring.
    [SkippableFact]
    public void The_tail_of_a_buffer_ring_lies_in_its_first_entry()
    {
        CCompiler.Require(Header);
        var program = new AbiProgram(Header);
        program.Field("struct io_uring_buf_ring", "tail", AbiLayout.Of(typeof(io_uring_buf)).Fields["resv"].Offset, sizeof(ushort));
        (bool ok, string said) = CCompiler.Check(program.Source);
        Assert.True(ok, said);
    }

    private static AbiProgram Program(IEnumerable<AbiLayout> layouts)
    {
        var program = new AbiProgram(Header, "linux/time_types.h", "sys/syscall.h");
        foreach (AbiLayout layout in layouts)
        {
            layout.AddTo(program, OlderNames);
        }

        program.Constants(typeof(IoUring));
        program.Constants(typeof(SetupFlags), "IORING_SETUP_");
        program.Constants(typeof(RingFeatures), "IORING_FEAT_");
        program.Constants(typeof(SqeFlags), "IOSQE_");
        program.Constants(typeof(CqeFlags), "IORING_CQE_F_");
        program.Constants(typeof(EnterFlags), "IORING_ENTER_");
        program.Constants(typeof(RingOpcode), "IORING_OP_");
        return program;
    }

    // Every structure of the binding, found by its name, so that a new one cannot be forgotten here.
    private static IEnumerable<AbiLayout> Layouts() => typeof(IoUring).Assembly.GetTypes()
        .Where(t => t.IsValueType && !t.IsNested && t.Namespace == typeof(IoUring).Namespace && (t.Name.StartsWith("io_") || t.Name.StartsWith("__kernel_")))
        .OrderBy(t => t.Name)
        .Select(t => AbiLayout.Of(t));
}
