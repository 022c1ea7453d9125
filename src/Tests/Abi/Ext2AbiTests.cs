using Harness.Ext2.Native;

namespace Harness.Tests;

/// <summary>The libext2fs bindings against its headers.</summary>
public sealed class Ext2AbiTests
{
    [SkippableFact]
    public void Every_structure_and_code_is_that_of_its_header()
    {
        Requires.FileOf("libext2fs-dev", "/usr/include/ext2fs/ext2fs.h");
        CCompiler.Require("ext2fs/ext2fs.h");
        var program = new AbiProgram("ext2fs/ext2fs.h");
        program.Constants(typeof(Ext2fs));
        program.Struct(typeof(struct_io_channel), "struct struct_io_channel", 192);
        program.Struct(typeof(struct_io_manager), "struct struct_io_manager", 240);
        program.Struct(typeof(ext2fs_extent), "struct ext2fs_extent", 24);
        program.Struct(typeof(ext2_inode), "struct ext2_inode", 128);
        program.Field("struct struct_ext2_filsys", "io", 8, 8);
        program.Field("struct struct_ext2_filsys", "super", 32, 8);
        program.Field("struct struct_ext2_filsys", "blocksize", 40, 4);
        program.Field("struct struct_io_channel", "private_data", 168, 8);
        program.Field("struct struct_io_manager", "zeroout", 120, 8);
        program.Field("struct ext2_super_block", "s_state", 58, 2);
        program.Field("struct ext2_super_block", "s_feature_ro_compat", 100, 4);
        program.Field("struct ext2_inode", "i_size_high", 108, 4);
        foreach (var code in typeof(Ext2Error).GetFields().Where(field => field.Name.StartsWith("EXT2_ET_", StringComparison.Ordinal)))
        {
            program.Constant(code.Name, code.GetRawConstantValue()!);
        }

        (bool ok, string said) = CCompiler.Check(program.Source);
        Assert.True(ok, said);
    }
}
